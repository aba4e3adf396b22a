"""Published numbers next to ours: their rows and the signed gaps."""

import json
from pathlib import Path
from typing import Any

import pytest

from commands.results import results
from pipelines import paths
from pipelines.config import params
from pipelines.reporting.comparison import CorpusTable, compare

REFERENCE = {"reference": "a GRU of <others>", "source": "a paper"}
GOALS: list[dict[str, Any]] = [
    {"models": ["verses-attention"], "metric": "test_bleu", "published": 28.3, **REFERENCE},
    {"models": ["verses-attention"], "metric": "test_perplexity", "published": 25.57, **REFERENCE},
    {
        "models": ["verses-fixed", "verses-attention"],
        "metric": "test_bleu",
        "published": 7.04,
        "reference": "no attention",
        "source": "a paper",
    },
    {"models": ["verses-fixed"], "metric": "test_exact_match", "target": 0.5},
    {
        "models": ["shakespeare-lstm"],
        "metric": "test_nats_per_character",
        "published": 1.4697,
        "reference": "a transformer",
        "source": "a README",
    },
]


def set_goals(project: Path, goals: list[dict[str, Any]]) -> None:
    path = project / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("goals: []", f"goals: {json.dumps(goals)}"), encoding="utf-8")


def table(project: Path, corpus: str) -> CorpusTable:
    tables = compare(params.load(project / "params.yaml"), project)
    return {table.corpus: table for table in tables}[corpus]


def gaps(table: CorpusTable, model: str, key: str) -> list[tuple[str, str, int]]:
    position = [column.key for column in table.columns].index(key)
    (row,) = [row for row in table.rows if row.model == model]
    return [(gap.text, gap.verdict, gap.number) for gap in row.cells[position].gaps]


def test_each_published_model_is_a_row_with_its_numbers(project: Path) -> None:
    set_goals(project, GOALS)
    verses = table(project, "verses")
    assert verses.columns[0].key == "test_bleu"
    rows = [
        (row.result.number, row.result.reference, row.result.source, row.texts[:3])
        for row in verses.published
    ]
    assert rows == [
        (1, "a GRU of <others>", "a paper", ("28.3", "-", "25.57")),
        (2, "no attention", "a paper", ("7.0", "-", "-")),
    ]
    assert table(project, "opinions").published == ()


def test_plus_is_better_whatever_the_direction_of_the_metric(project: Path) -> None:
    set_goals(project, GOALS)
    verses = table(project, "verses")
    assert gaps(verses, "verses-attention", "test_bleu") == [
        ("-7.4", "worse", 1),
        ("+13.9", "better", 2),
    ]
    assert gaps(verses, "verses-attention", "test_perplexity") == [("-4.43", "worse", 1)]
    assert gaps(verses, "verses-attention", "test_exact_match") == []
    # 7.1 and 7.04: the gap is the difference of the rounded numbers in the table.
    assert gaps(verses, "verses-fixed", "test_bleu") == [("+0.1", "better", 2)]
    (project / paths.metrics("verses-attention")).write_text('{"test_bleu": 28.31}')
    gap = gaps(table(project, "verses"), "verses-attention", "test_bleu")[0]
    assert gap == ("+0.0", "equal", 1)


def test_a_metric_with_a_published_number_gets_a_column(project: Path) -> None:
    metrics = {
        "test_bits_per_character": 2.0,
        "test_nats_per_character": 1.386,
        "parameters": 7,
    }
    (project / paths.metrics("shakespeare-lstm")).write_text(json.dumps(metrics), encoding="utf-8")
    keys = [column.key for column in table(project, "shakespeare").columns]
    assert "test_nats_per_character" not in keys
    set_goals(project, GOALS)
    shakespeare = table(project, "shakespeare")
    keys = [column.key for column in shakespeare.columns]
    assert keys.index("test_nats_per_character") < keys.index("parameters")
    expected = [("+0.084", "better", 1)]
    assert gaps(shakespeare, "shakespeare-lstm", "test_nats_per_character") == expected


def test_results_prints_published_rows_and_gaps(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    set_goals(project, GOALS)
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "120")
    results([])
    output = capsys.readouterr().out
    assert "│   -7.4 worse [1] │" in output
    assert "│ published [2]" in output
    assert "[1] a GRU of <others>: a paper\n[2] no attention: a paper\n" in output
