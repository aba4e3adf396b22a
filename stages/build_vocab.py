"""Build the vocabularies of a corpus from its training split."""

from typing import Annotated

from pipelines import console, files, paths
from pipelines.config import params


def main(
    corpus: Annotated[str, console.Argument(help="a name under corpora in params.yaml")],
) -> None:
    """Build the vocabulary of each text column of a corpus."""
    config = params.load(paths.PARAMS)
    entry: params.Corpus = params.require(config.corpora, corpus, "corpus")
    with console.quiet_imports():
        from pipelines.data import counting, engine
        from pipelines.text import vocabulary

    train = paths.train_frame(corpus)
    work = files.work_folder(paths.vocabulary(corpus))
    with work as folder, engine.Engine(config.data) as workers:
        counted = counting.count_frame(train, entry, entry.tokens, folder, workers)
        vocabularies = vocabulary.build_vocabularies(counted, entry)
    vocabulary.save(vocabularies, paths.vocabulary(corpus))
    sizes = ", ".join(f"{len(column):,} in {name}" for name, column in vocabularies.columns.items())
    labels = f"; {len(vocabularies.labels)} labels" if vocabularies.labels else ""
    console.echo(f"{corpus}: {sizes}{labels}")


if __name__ == "__main__":
    console.launch("build_vocab", main)
