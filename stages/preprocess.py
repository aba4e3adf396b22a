"""Read, clean, split and validate the text of a corpus."""

from typing import TYPE_CHECKING, Annotated

from pipelines import console, files, paths
from pipelines.config import params

if TYPE_CHECKING:
    from pipelines.data.preparation import Preparation


def main(
    corpus: Annotated[str, console.Argument(help="a name under corpora in params.yaml")],
) -> None:
    """Read, clean, split and validate the text of a corpus."""
    config = params.load(paths.PARAMS)
    entry: params.Corpus = params.require(config.corpora, corpus, "corpus")
    with console.quiet_imports():
        from pipelines.data import corpus as readers
        from pipelines.data import engine, expectations, preparation, sources, splits

    checker = expectations.Checker(entry, paths.failed_rows(corpus))
    order = sources.file_names(entry.source)
    rows = readers.read(paths.raw(corpus), entry.reader, entry.task, order, entry.split)
    work = files.work_folder(paths.PREPARED.parent / corpus)
    with work as folder, engine.Engine(config.data) as workers:
        prepared = preparation.Preparation(entry, folder.absolute(), checker, workers)
        prepared.run(rows, config.data_seed)
        for split in splits.PARTS:
            files.move(folder / f"{split}.parquet", paths.frame(corpus, split))
        files.move(folder / preparation.DROPPED, paths.dropped(corpus))
    files.write_json(paths.profile(corpus), prepared.profile)
    files.write_json(paths.data_checks(corpus), checker.report)
    for line in _summary(corpus, prepared):
        console.echo(f"{corpus}: {line}")


def _summary(corpus: str, prepared: "Preparation") -> list[str]:
    """Return what happened to the rows, line by line."""
    from pipelines.data import splits

    warnings, cuts = prepared.checker.warnings, prepared.cuts
    lines = [f"warning: {warning}" for warning in warnings]
    if prepared.checker.failed:
        lines.append(f"{prepared.checker.failed} lists all rows that break a rule.")
    if cuts.rows:
        verb = "row was" if cuts.rows == 1 else "rows were"
        lines.append(
            f"{cuts.rows:,} {verb} cut into {cuts.pieces:,} of at most "
            f"{prepared.corpus.cleaning.max_length:,} tokens (the first: {cuts.first})"
        )
    if prepared.dropped.counts:
        lines.append(f"{prepared.dropped_sentence} {paths.dropped(corpus)} lists them.")
    pairs = zip(prepared.counts, splits.PARTS, strict=True)
    counts = ", ".join(f"{count:,} {split}" for count, split in pairs)
    passed = len(prepared.checker.report) - len(warnings)
    lines.append(
        f"{prepared.rows:,} rows read, {sum(prepared.counts):,} used: {counts}; "
        f"{passed} checks passed, {len(warnings)} gave a warning"
    )
    return lines


if __name__ == "__main__":
    console.launch("preprocess", main)
