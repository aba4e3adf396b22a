"""The section on sweeps: pictures, sentences and tables, escaped."""

import html
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pipelines import paths
from pipelines.reporting import page, sweep_section
from pipelines.sweeps import result as results
from pipelines.sweeps.comparison import ComparedMetric, Confirmation, Verdict
from pipelines.sweeps.result import SweepResult, Trial

START = {"units": 100, "optimizer.learning_rate": 0.004, "cell": "lstm", "word_dropout": None}
SPACE: dict[str, Any] = {
    "units": {"low": 32, "high": 256},
    "optimizer.learning_rate": {"low": 0.001, "high": 0.01, "log": True},
    "cell": ["lstm", "gru"],
    "word_dropout": [None, 0.1],
}
TRIALS = (
    Trial(0, "complete", START, (0.5, 0.61), 0.61),
    Trial(1, "complete", {**START, "units": 200}, (0.5, 0.64), 0.64),
    Trial(2, "pruned", {**START, "word_dropout": 0.1}, (0.4,), 0.4),
    Trial(3, "failed", {**START, "cell": "gru"}, failure="diverged"),
)


def confirmation(verdict: Verdict, corrected_p: float = 0.0123) -> Confirmation:
    seeds = (0.60, 0.61, 0.62), (0.62, 0.63, 0.64)
    metric = ComparedMetric(
        *("test_macro_f1", 0.61, 0.63, *seeds, 0.004, 0.036),
        *(0.00615, corrected_p, 0.018, verdict),
    )
    return Confirmation((11, 12, 13), 2, 0.05, 2000, (metric,), {"start": [], "winner": []})


def sweep(**fields: Any) -> SweepResult:
    values: dict[str, Any] = {
        "sweep": "tuning",
        "model": "opinions-lstm",
        "metric": "valid_macro_f1",
        "direction": "higher",
        "seed": 1,
        "pruner": "median",
        "planned": 5,
        "space": SPACE,
        "start": START,
        "stage": {},
        "trials": TRIALS,
        "importances": {"units": 0.7, "cell": 0.3},
        "comparison": confirmation("better"),
    }
    return SweepResult(**{**values, **fields})


def render(root: Path, result: SweepResult) -> str:
    results.write(root / paths.sweep(result.sweep), result)
    return page.render([], (), sweep_section.sweep_sections(root))


def test_a_page_without_sweeps_has_no_section(tmp_path: Path) -> None:
    assert sweep_section.sweep_sections(tmp_path) == []
    assert "sweep" not in page.render([])


def test_the_page_has_verdict_tables_and_pictures(tmp_path: Path) -> None:
    text = html.unescape(render(tmp_path, sweep()))
    assert '<a href="#sweeps">' in text
    assert "The winner is better than the starting point on the test split: macro F1 0.63" in text
    assert "p 0.0123 after correction for 2 complete trials." in text
    assert "4 trials of 5 planned: 2 complete, 1 stopped early and 1 failed." in text
    assert "Trial 1 has the highest validation macro F1, 0.64, that of the starting point" in text
    assert "It has units 200 instead of 100." in text
    assert '<td class="best">0.64</td>' in text
    assert "<td>failed: diverged</td>" in text
    for picture in ("history of", "importance of the parameters of", "parallel coordinates of"):
        assert f'alt="{picture} the sweep tuning"' in text
    assert 'title="trial 2: 0.4, stopped early; cell lstm, optimizer.learning_rate 0.004' in text
    assert text.count("<i title=") == len(TRIALS)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        ("not significant", "Nothing shows that the winner is better than the starting point"),
        ("worse", "The winner is worse than the starting point"),
    ],
)
def test_a_winner_that_is_not_better_is_not_called_better(verdict: Verdict, words: str) -> None:
    text = " ".join(sweep_section.verdict(sweep(comparison=confirmation(verdict, 0.3))))
    assert text.startswith(f"{words} on the test split: ")
    assert ("smaller ones may be missed" in text) == (verdict == "not significant")


def test_a_sweep_that_finds_nothing(tmp_path: Path) -> None:
    nothing = sweep(trials=TRIALS[3:], importances={}, comparison=None)
    text = render(tmp_path, nothing)
    assert "1 trial of 5 planned: 1 failed. No trial is complete" in text
    assert text.count("<img") == 1  # the history
    assert list(sweep_section.verdict(nothing)) == []
    start = sweep(trials=TRIALS[:1], comparison=None)
    assert list(sweep_section.summary(start))[-1] == "It is the starting point itself."
    assert list(sweep_section.verdict(start)) == [
        "The starting point has the best score, so there is nothing to compare it with."
    ]


def test_a_sweep_without_trials_has_no_picture(tmp_path: Path) -> None:
    text = render(tmp_path, sweep(trials=(), importances={}, comparison=None))
    assert "0 trials of 5 planned: none." in text
    assert "<h3>tuning: opinions-lstm</h3>" in text
    assert "<img" not in text


def test_texts_are_escaped_and_labels_readable(tmp_path: Path) -> None:
    result = sweep(sweep="opinions-lstm", trials=(), importances={}, comparison=None)
    assert "<h3>opinions-lstm</h3>" in render(tmp_path / "same", result)
    bad = "<script>alert(1)</script>\x07"
    values = {**START, "cell": bad, "units": [1, {"a": True}]}
    trials = (*TRIALS[:2], Trial(4, "complete", values, (0.6,), 0.6))
    text = render(tmp_path, sweep(sweep="a", model=bad, trials=trials, importances={bad: 1.0}))
    assert "<script" not in text
    for picture in sweep_section.sweep_sections(tmp_path)[0].pictures:
        drawing = ElementTree.fromstring(picture.svg)
        assert "alert" in "".join(drawing.itertext())
    assert sweep_section.text(values["units"]) == "[1, a true]"


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    assert render(tmp_path, sweep()) == render(tmp_path, sweep())
