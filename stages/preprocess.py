"""Read, clean, split and validate the text of a corpus."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

from pipelines import console, files, paths
from pipelines.config import params

if TYPE_CHECKING:
    import pandas as pd


def main(
    corpus: Annotated[str, console.Argument(help="a name under corpora in params.yaml")],
) -> None:
    """Read, clean, split and validate the text of a corpus."""
    config = params.load(paths.PARAMS)
    entry: params.Corpus = params.require(config.corpora, corpus, "corpus")
    with console.quiet_imports():
        from pipelines.data import cleaning, expectations, measures, parquet, sources, splits
        from pipelines.data import corpus as readers

    checker = expectations.Checker(entry, paths.failed_rows(corpus))
    order = sources.file_names(entry.source)
    raw = readers.read(paths.raw(corpus), entry.reader, entry.task, order, entry.split)
    raw = cleaning.with_normalized_labels(raw, entry)
    measures.check_raw(checker, raw, entry)
    cleaned = cleaning.clean(raw, entry)
    parts = splits.split(cleaned, entry.split, entry.task, config.data_seed)
    rates, dropped = unknown_rates(parts, entry), len(raw) - len(cleaned)
    measures.check_splits(checker, parts, rates, entry, dropped)

    for split, part in parts.items():
        parquet.write_parquet(part, paths.frame(corpus, split))
    files.write_json(paths.data_checks(corpus), checker.report)
    counts = ", ".join(f"{len(part):,} {split}" for split, part in parts.items())
    warnings = checker.warnings
    for warning in warnings:
        console.echo(f"{corpus}: warning: {warning}")
    console.echo(
        f"{corpus}: {len(raw):,} rows read, {len(cleaned):,} used: {counts}; "
        f"{len(checker.report) - len(warnings)} checks passed, {len(warnings)} gave a warning"
    )


def unknown_rates(
    parts: Mapping[str, "pd.DataFrame"], corpus: params.Corpus
) -> dict[str, dict[str, float]]:
    """Return the share of tokens outside the vocabulary, by split and column.

    With sub-words it is the share of characters that the training split does not have: no other
    token is unknown.
    """
    from pipelines.text import vocabulary

    estimate = vocabulary.estimate_vocabularies(parts["train"], corpus).columns
    return {
        split: {
            column: vocabulary.unknown_rate(estimate[column], part[column]) for column in estimate
        }
        for split, part in parts.items()
    }


if __name__ == "__main__":
    console.launch("preprocess", main)
