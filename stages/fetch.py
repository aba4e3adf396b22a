"""Bring a corpus's raw files in, checked by sha256."""

from pathlib import Path
from typing import Annotated

from pipelines import console
from pipelines.config import params
from pipelines.data import sources


def main(
    corpus: Annotated[str, console.Argument(help="a name under corpora in params.yaml")],
    raw: Annotated[Path, console.Option(help="folder for the raw files")],
) -> None:
    """Bring a corpus's raw files in."""
    settings = params.load(Path("params.yaml"))
    source = params.require(settings.corpora, corpus, "corpus").source
    sources.fetch(source, raw, root=console.root(), seed=settings.seed)
    files = [file for file in raw.iterdir() if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 1e6
    console.echo(f"{corpus}: {len(files)} raw file{'s' if len(files) > 1 else ''}, {size:,.1f} MB")


if __name__ == "__main__":
    console.launch("fetch", main)
