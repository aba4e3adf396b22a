"""`seqproof data profile`: lengths, labels, vocabulary, duplicates and languages of a corpus."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.data.readers.base import BadRow, Row
    from pipelines.diagnostics.corpus_overview import Overview, TextOverview

MAX_ROWS = 100_000  # rows that are read
MAX_LABELS, MIN_SHARE = 20, 0.001  # labels, languages and scripts that are shown
QUANTILES = {"min": 0.0, "median": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
SPLITS = ("train", "valid", "test")


def profile(name: str | None, as_json: bool = False) -> None:
    """Print an overview of one corpus or of all, and what it suggests.

    Args:
        name: a corpus of params.yaml; None for all.
        as_json: print JSON instead of text.

    Raises:
        UserError: there is no such corpus, or its text cannot be read.
    """
    config = params.load(paths.PARAMS)
    facts: list[dict[str, Any]] = []
    with console.only_json(as_json):
        if name is not None:
            entry = params.require(config.corpora, name, "corpus")
            facts.append(_profile(name, entry, config.data_seed, not as_json))
        else:
            for corpus, entry in config.corpora.items():
                try:
                    facts.append(_profile(corpus, entry, config.data_seed, not as_json))
                except UserError as error:
                    console.echo(f"{corpus}: {error}")
                    facts.append({"corpus": corpus, "error": str(error)})
    if as_json:
        console.print_json({"corpora": facts})


def _profile(name: str, entry: params.Corpus, seed: int, is_shown: bool) -> dict[str, Any]:
    """Return the overview of a corpus, and print it if it is to be shown."""
    with console.quiet_imports():
        from pipelines.diagnostics import corpus_overview

    with _rows(name, entry, seed) as (rows, origin):
        frame, bad = _first_rows(rows, entry)
        is_whole = next(iter(rows), None) is None
    overview = corpus_overview.look_at(frame, entry)
    if is_shown:
        rows_text = f"{len(frame):,} rows" if is_whole else f"the first {len(frame):,} rows"
        console.echo(f"{name}: {rows_text} of {origin}")
        if bad:
            noun = "row" if len(bad) == 1 else "rows"
            console.echo(f"{len(bad):,} {noun} cannot be read; the first: {bad[0].sentence}")
        _print(overview)
    return {
        "corpus": name,
        "rows": len(frame),
        "all_rows": is_whole,
        "origin": origin,
        "bad_rows": [row.sentence for row in bad[:MAX_LABELS]],
        "bad_row_count": len(bad),
        "texts": [_text_facts(text) for text in overview.texts],
        "labels": dict(overview.labels),
        "suggestions": overview.suggestions,
    }


def _text_facts(text: TextOverview) -> dict[str, Any]:
    return {
        "column": text.name,
        "lengths": {
            measure: dict(zip(QUANTILES, _quantiles(values), strict=True))
            for measure, values in _measures(text).items()
        },
        "vocabulary_growth": list(map(int, text.growth)),
        "repeated": int(text.repeated),
        "similar": int(text.similar),
        "near_duplicates": float(text.near),
        "languages": dict(text.languages),
        "scripts": dict(text.scripts),
    }


def _first_rows(
    rows: Iterator[Row | BadRow], entry: params.Corpus
) -> tuple[pd.DataFrame, list[BadRow]]:
    """Return the first rows, and those among them that cannot be read."""
    import pandas as pd

    from pipelines.config import task_schemas
    from pipelines.data.readers.base import BadRow

    columns = task_schemas.get(entry.task).columns
    first = list(islice(rows, MAX_ROWS))
    bad = [row for row in first if isinstance(row, BadRow)]
    readable = [row[2:] for row in first if not isinstance(row, BadRow)]
    if not readable:
        raise UserError(bad[0].sentence)
    return pd.DataFrame(readable, columns=list(columns)), bad


@contextmanager
def _rows(
    name: str, entry: params.Corpus, seed: int
) -> Iterator[tuple[Iterator[Row | BadRow], str]]:
    """Yield the raw rows or, if there are none, the prepared ones; and where they are from."""
    from pipelines.data import corpus as readers
    from pipelines.data import sources

    def read(folder: Path) -> Iterator[Row | BadRow]:
        order = sources.file_names(entry.source)
        return readers.read(folder, entry.reader, entry.task, order, entry.split)

    if entry.source.kind in ("files", "generated"):  # as they are now, whatever was fetched before
        with tempfile.TemporaryDirectory(prefix="seqproof-") as temporary:
            folder = Path(temporary) / name
            sources.fetch(entry.source, folder, root=console.root(), seed=seed)
            yield read(folder), "its source"
    elif paths.raw(name).is_dir():
        yield read(paths.raw(name)), str(paths.raw(name))
    elif all(paths.frame(name, split).is_file() for split in SPLITS):
        yield _prepared_rows(name, entry), str(paths.frame(name, "train").parent)
    else:
        raise UserError(f"{paths.raw(name)} does not exist. Run `seqproof run fetch@{name}` first.")


def _prepared_rows(name: str, entry: params.Corpus) -> Iterator[Row]:
    """Yield the rows of all splits."""
    from pipelines.config import task_schemas
    from pipelines.data import parquet

    columns = ["document", "line", *task_schemas.get(entry.task).columns]
    for split in SPLITS:
        for table in parquet.read_batches(paths.frame(name, split), columns):
            yield from zip(*(table[column].to_pylist() for column in columns), strict=True)


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


def _measures(text: TextOverview) -> dict[str, Any]:
    """Return the lengths of all rows by unit."""
    unit = "words" if text.tokens in params.SUB_WORDS else "tokens"
    measures = {"characters": text.characters}
    if text.tokens != "characters":
        measures[unit] = text.lengths
    return measures


def _quantiles(values: Any) -> list[float]:
    import numpy as np

    quantiles: list[float] = np.quantile(values, list(QUANTILES.values())).tolist()
    return quantiles


def _length_rows(text: TextOverview) -> list[list[str]]:
    return [
        [_escape(f"{measure} of {text.name}"), *(f"{value:,.0f}" for value in _quantiles(values))]
        for measure, values in _measures(text).items()
    ]


def _shares(counts: Counter[str]) -> str:
    """Return the most frequent values with their shares."""
    total = max(1, counts.total())
    frequent = counts.most_common(MAX_LABELS)
    texts = [
        f"{value.strip() or '(none)'} {count / total:.1%}"
        for value, count in frequent
        if count >= MIN_SHARE * total
    ]
    more = len(counts) - len(texts)
    return ", ".join([*texts, *([f"{more} more"] if more > 0 else [])])


def _escape(text: str) -> str:
    """Return text in which Rich sees no markup."""
    return text.replace("[", r"\[")
