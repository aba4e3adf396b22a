"""`seqproof data profile`: lengths, labels, vocabulary, duplicates and languages of a corpus."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.diagnostics.corpus_overview import Overview, TextOverview

MAX_ROWS = 100_000  # rows that are read
MAX_LABELS = 20


def profile(name: str | None) -> None:
    """Print an overview of one corpus or of all, and what it suggests.

    Raises:
        UserError: there is no such corpus, or its text cannot be read.
    """
    config = params.load(paths.PARAMS)
    if name is not None:
        entry = params.require(config.corpora, name, "corpus")
        _profile(name, entry, config.data_seed)
        return
    for corpus, entry in config.corpora.items():
        try:
            _profile(corpus, entry, config.data_seed)
        except UserError as error:
            console.echo(f"{corpus}: {error}")


def _profile(name: str, entry: params.Corpus, seed: int) -> None:
    with console.quiet_imports():
        from pipelines.diagnostics import corpus_overview

    rows, origin = _rows(name, entry, seed)
    total = len(rows)
    overview = corpus_overview.look_at(rows.head(MAX_ROWS), entry)
    first = f", of which the first {MAX_ROWS:,} are shown" if total > MAX_ROWS else ""
    console.echo(f"{name}: {total:,} rows of {origin}{first}")
    _print(overview)


def _rows(name: str, entry: params.Corpus, seed: int) -> tuple[pd.DataFrame, str]:
    """Return the raw rows or, if there are none, the prepared ones; and where they are from."""
    import pandas as pd

    from pipelines.data import corpus as readers
    from pipelines.data import parquet, sources

    def read(folder: Path) -> pd.DataFrame:
        order = sources.file_names(entry.source)
        return readers.read(folder, entry.reader, entry.task, order, entry.split)

    if entry.source.kind in ("files", "generated"):  # as they are now, whatever was fetched before
        with tempfile.TemporaryDirectory(prefix="seqproof-") as temporary:
            folder = Path(temporary) / name
            sources.fetch(entry.source, folder, root=console.root(), seed=seed)
            return read(folder), "its source"
    if paths.raw(name).is_dir():
        return read(paths.raw(name)), str(paths.raw(name))
    splits = [paths.frame(name, split) for split in ("train", "valid", "test")]
    if all(path.is_file() for path in splits):
        frames = [parquet.read_parquet(path) for path in splits]
        return pd.concat(frames, ignore_index=True), str(splits[0].parent)
    raise UserError(f"{paths.raw(name)} does not exist. Run `dvc repro fetch@{name}` first.")


def _print(overview: Overview) -> None:
    lengths = [row for text in overview.texts for row in _length_rows(text)]
    columns = ["length", "shortest", "median", "95 %", "99 %", "longest"]
    console.out().print(console.table("Lengths", columns, lengths))
    growth = [
        [_escape(text.name), *(f"{size:,}" for size in text.growth)] for text in overview.texts
    ]
    points = len(growth[0]) - 1
    shares = [f"{100 * point // points} %" for point in range(1, points + 1)]
    title = "Different tokens in the first rows"
    console.out().print(console.table(title, ["share of rows", *shares], growth))
    for text in overview.texts:
        console.echo(
            f"{text.name}: {text.repeated:,} rows repeat an earlier text exactly, {text.similar:,} "
            f"ignoring case, spaces and punctuation; {text.near:.1%} are nearly the same as another"
        )
        console.echo(f"{text.name}: languages {_shares(text.languages) or 'unknown (short texts)'}")
        console.echo(f"{text.name}: scripts {_shares(text.scripts)}")
    if overview.labels:
        console.echo(f"labels: {_shares(overview.labels)}")
    if not overview.suggestions:
        console.echo("Nothing suggests a change of params.yaml.")
    for line in overview.suggestions:
        console.echo(f"- {line}")


def _length_rows(text: TextOverview) -> list[list[str]]:
    import numpy as np

    unit = "words" if text.tokens in params.SUB_WORDS else "tokens"
    measures = {"characters": text.characters}
    if text.tokens != "characters":
        measures[unit] = text.lengths
    quantiles = (0.0, 0.5, 0.95, 0.99, 1.0)
    return [
        [
            _escape(f"{measure} of {text.name}"),
            *(f"{value:,.0f}" for value in np.quantile(values, quantiles)),
        ]
        for measure, values in measures.items()
    ]


def _shares(counts: Counter[str]) -> str:
    """Return the most frequent values with their shares."""
    total = max(1, counts.total())
    texts = [f"{value} {count / total:.1%}" for value, count in counts.most_common(MAX_LABELS)]
    more = len(counts) - len(texts)
    return ", ".join([*texts, *([f"{more} more"] if more > 0 else [])])


def _escape(text: str) -> str:
    """Return text in which Rich sees no markup."""
    return text.replace("[", r"\[")
