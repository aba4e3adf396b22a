"""Raw files -> checked, cleaned, tokenised and split frames."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pipelines import console, files
from pipelines.config import params

if TYPE_CHECKING:
    import pandas as pd


def main(
    corpus: Annotated[str, console.Argument(help="a name under corpora in params.yaml")],
    raw: Annotated[Path, console.Option(help="folder of the raw files")],
    train: Annotated[Path, console.Option(help="training frame, written")],
    valid: Annotated[Path, console.Option(help="validation frame, written")],
    test: Annotated[Path, console.Option(help="test frame, written")],
    checks: Annotated[Path, console.Option(help="what the checks found, written")],
) -> None:
    """Check, clean, tokenise and split a corpus."""
    settings = params.load(Path("params.yaml"))
    entry: params.Corpus = params.require(settings.corpora, corpus, "corpus")
    with console.quiet_imports():
        from pipelines.data import cleaning, expectations, parquet, sources, splits
        from pipelines.data import corpus as readers

    checker = expectations.Checker(entry)
    order = sources.names(entry.source)
    read = readers.read(raw, entry.reader, entry.task, order, entry.split)
    checker.raw(read)
    cleaned = cleaning.clean(read, entry)
    parts = splits.split(cleaned, entry.split, settings.seed)
    checker.prepared(parts, unknown_rates(parts, entry))

    for name, path in (("train", train), ("valid", valid), ("test", test)):
        parquet.write_parquet(parts[name], path)
    files.write_text(checks, console.as_json(checker.report))
    counts = ", ".join(f"{len(part):,} {name}" for name, part in parts.items())
    console.echo(
        f"{corpus}: {len(read):,} rows read, {len(cleaned):,} kept: {counts}; "
        f"{len(checker.report)} checks passed"
    )


def unknown_rates(
    parts: Mapping[str, "pd.DataFrame"], corpus: params.Corpus
) -> dict[str, dict[str, float]]:
    """Share of tokens outside the vocabulary that `build_vocab` will build, by split and column.

    Of sub-words it is that of characters never seen in training: no others are unknown.
    """
    from pipelines.text import vocabulary

    known = vocabulary.vocabulary_estimate(parts["train"], corpus).columns
    return {
        name: {column: vocabulary.unknown_rate(known[column], part[column]) for column in known}
        for name, part in parts.items()
    }


if __name__ == "__main__":
    console.launch("preprocess", main)
