"""Published numbers beside ours: which stand there, and on which side of them ours are."""

import json
from pathlib import Path
from typing import Any

import pytest

from commands.results import results
from pipelines.config import params
from pipelines.reporting.comparison import CorpusTable, compare

WHOSE = {"reference": "a GRU of <others>", "source": "a paper"}
GOALS: list[dict[str, Any]] = [
    {"models": ["verses-attention"], "metric": "test_bleu", "published": 28.3, **WHOSE},
    {"models": ["verses-attention"], "metric": "test_perplexity", "published": 25.57, **WHOSE},
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


def held(project: Path, goals: list[dict[str, Any]]) -> None:
    """Let these be the goals of a project."""
    path = project / "params.yaml"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("goals: []", f"goals: {json.dumps(goals)}"), encoding="utf-8")


def table(project: Path, corpus: str) -> CorpusTable:
    tables = compare(params.load(project / "params.yaml"), project / "metrics")
    return {one.corpus: one for one in tables}[corpus]


def gaps(found: CorpusTable, model: str, key: str) -> list[tuple[str, str, int]]:
    place = [column.key for column in found.columns].index(key)
    (row,) = [row for row in found.rows if row.model == model]
    return [(gap.text, gap.word, gap.number) for gap in row.cells[place].gaps]


def test_each_work_is_one_row_with_its_numbers(project: Path) -> None:
    held(project, GOALS)
    found = table(project, "verses")
    assert next(column.key for column in found.columns) == "test_bleu"
    rows = [(work.number, work.what, work.source, texts) for work, texts in found.works]
    assert rows == [
        (1, "a GRU of <others>", "a paper", ("28.3", "-", "25.57")),
        (2, "no attention", "a paper", ("7.0", "-", "-")),
    ]
    assert table(project, "opinions").works == ()


def test_plus_is_better_whichever_way_a_metric_counts(project: Path) -> None:
    held(project, GOALS)
    found = table(project, "verses")
    assert gaps(found, "verses-attention", "test_bleu") == [
        ("-7.4", "worse", 1),
        ("+13.9", "better", 2),
    ]
    assert gaps(found, "verses-attention", "test_perplexity") == [("-4.43", "worse", 1)]
    assert gaps(found, "verses-attention", "test_exact_match") == []
    # 7.1 beside 7.04: the gap is that of the numbers as they are read.
    assert gaps(found, "verses-fixed", "test_bleu") == [("+0.1", "better", 2)]
    (project / "metrics" / "verses-attention.json").write_text('{"test_bleu": 28.31}')
    assert gaps(table(project, "verses"), "verses-attention", "test_bleu")[0] == (
        "+0.0",
        "equal",
        1,
    )


def test_a_metric_that_is_published_gets_its_column(project: Path) -> None:
    ours = {"test_bits_per_character": 2.0, "test_nats_per_character": 1.386, "parameters": 7}
    (project / "metrics" / "shakespeare-lstm.json").write_text(json.dumps(ours), encoding="utf-8")
    assert "test_nats_per_character" not in [
        one.key for one in table(project, "shakespeare").columns
    ]
    held(project, GOALS)
    found = table(project, "shakespeare")
    keys = [column.key for column in found.columns]
    assert keys.index("test_nats_per_character") < keys.index("parameters")
    assert gaps(found, "shakespeare-lstm", "test_nats_per_character") == [("+0.084", "better", 1)]


def test_results_prints_them(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    held(project, GOALS)
    monkeypatch.chdir(project)
    monkeypatch.setenv("COLUMNS", "120")
    results(Path("metrics"), Path("report.html"), [])
    said = capsys.readouterr().out
    assert "│   -7.4 worse [1] │" in said
    assert "│ published [2]" in said
    assert "[1] a GRU of <others>: a paper\n[2] no attention: a paper\n" in said
