"""Fetch the raw files of a corpus."""

from typing import Annotated

from pipelines import console, paths
from pipelines.config import params
from pipelines.data import sources


def main(
    corpus: Annotated[str, console.Argument(help="a name under corpora in params.yaml")],
) -> None:
    """Fetch the raw files of a corpus and check their sha256."""
    config = params.load(paths.PARAMS)
    source = params.require(config.corpora, corpus, "corpus").source
    folder = paths.raw(corpus)
    sources.fetch(source, folder, root=console.root(), seed=config.data_seed)
    raw_files = [file for file in folder.rglob("*") if file.is_file()]
    megabytes = sum(file.stat().st_size for file in raw_files) / 1e6
    plural = "s" if len(raw_files) > 1 else ""
    console.echo(f"{corpus}: {len(raw_files)} raw file{plural}, {megabytes:,.1f} MB")


if __name__ == "__main__":
    console.launch("fetch", main)
