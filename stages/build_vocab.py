"""Training tokens -> vocabulary."""

from pathlib import Path
from typing import Annotated

from pipelines import console
from pipelines.config import params


def main(
    corpus: Annotated[str, console.Argument(help="a name under corpora in params.yaml")],
    train: Annotated[Path, console.Option(help="training frame")],
    vocabulary: Annotated[Path, console.Option(help="vocabularies of its columns, written")],
) -> None:
    """Build the vocabulary of each text column of a corpus."""
    settings = params.load(Path("params.yaml"))
    entry: params.Corpus = params.require(settings.corpora, corpus, "corpus")
    with console.quiet_imports():
        from pipelines.data import parquet
        from pipelines.text import vocabulary as vocabularies

    built = vocabularies.build_vocabularies(parquet.read_parquet(train), entry)
    vocabularies.save(built, vocabulary)
    sizes = ", ".join(f"{len(column):,} in {name}" for name, column in built.columns.items())
    console.echo(f"{corpus}: {sizes}" + (f"; {len(built.labels)} labels" if built.labels else ""))


if __name__ == "__main__":
    console.launch("build_vocab", main)
