"""Rules of `params.yaml`: numbers, levels, batches, and the file of all failing rows."""

from collections import Counter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines.data.expectations import Checker
from pipelines.data.expectations_rules import FrameStatistics
from pipelines.errors import UserError


def raw(texts: list[str], labels: list[str] | None = None) -> pd.DataFrame:
    labels = labels or ["good"] * len(texts)
    frame = pd.DataFrame({"document": "d.txt", "line": range(1, len(texts) + 1), "text": texts})
    return frame.assign(label=labels, conflict=0, **{"characters text": frame["text"].str.len()})


def split(texts: list[str], **measures: Any) -> pd.DataFrame:
    frame = raw(texts).drop(columns=["conflict", "characters text"])
    sizes = frame["text"].str.split().str.len()
    frame = frame.assign(**{"tokens text": sizes, "repeated text": 0, "overlap text": 0})
    return frame.assign(**measures)


def checker_of(make_corpus: Any, failed: Path | None = None, **checks: Any) -> Checker:
    checker = Checker(make_corpus("classification", checks=checks), failed)
    checker.set_typical_lengths({"text": 5.0})
    return checker


def test_batches_are_summed(make_corpus) -> None:
    texts = ["a" * 60, "b", "c" * 70, "d", "e" * 80]
    whole, parts = checker_of(make_corpus), checker_of(make_corpus)
    whole.add("raw", raw(texts))
    for rows in ([0, 1], [], [2], [3, 4]):
        parts.add("raw", raw(texts).iloc[rows])
    whole.finish("raw")
    parts.finish("raw")
    assert parts.report == whole.report
    (outlier,) = [result for result in parts.report if not result["success"]]
    assert (outlier["unexpected"], outlier["rows"], outlier["observed"]) == (3, 5, 80)
    assert [example.partition(" ")[0] for example in outlier["examples"]] == ["d.txt:1", "d.txt:3"]
    arguments = {"column": "characters text", "max_value": 50.0}
    assert (outlier["expectation"], outlier["arguments"]) == (
        "expect_text_of_usual_length",
        arguments,
    )


def test_all_failing_rows_are_in_a_file(make_corpus, tmp_path: Path) -> None:
    path = tmp_path / "failed" / "mood.csv"
    path.parent.mkdir()
    path.write_text("of an earlier run", encoding="utf-8")
    checker = checker_of(make_corpus, path)
    assert not path.exists()
    checker.add("raw", raw(["fine", "so so"]))
    assert not path.exists()
    assert checker.failed is None
    for start in range(0, 12, 4):
        lines = {"line": range(start + 3, start + 7)}
        checker.add("raw", raw([""] * 4, ["good", "odd", "bad", 'a "b", c']).assign(**lines))
    with pytest.raises(UserError) as error:
        checker.finish("raw")
    message = str(error.value)
    assert "no text is empty; 12 of 14 rows (85.7%) break this [empty]:" in message
    assert [line.split()[0] for line in message.splitlines() if "d.txt:" in line] == [
        *(f"d.txt:{line}" for line in (4, 6, 8, 10, 12)),
        *(f"d.txt:{line}" for line in (3, 4, 5, 6, 7)),
    ]
    assert message.endswith(f"All rows that break a rule are in {path}.")
    assert checker.failed == path
    failed = pd.read_csv(path, keep_default_na=False)
    assert list(failed) == ["frame", "rule", "level", "document", "line", "text", "label"]
    assert failed.groupby("rule").size().to_dict() == {"empty": 12, "labels": 6}
    assert set(failed.loc[failed["rule"] == "labels", "label"]) == {"odd", 'a "b", c'}
    assert list(failed.loc[failed["rule"] == "empty", "line"]) == list(range(3, 15))


def test_a_share_of_the_rows_may_break_a_rule(make_corpus) -> None:
    texts = ["", "fine", "good", "bad"]
    checker = checker_of(make_corpus, empty={"max": 0.25})
    checker.add("raw", raw(texts))
    checker.finish("raw")
    (empty,) = [result for result in checker.report if result["name"] == "empty"]
    assert (empty["unexpected"], empty["success"]) == (1, True)
    assert empty["rule"] == "in 75% of the rows no text is empty"
    checker = checker_of(make_corpus, empty={"max": 0.24})
    checker.add("raw", raw(texts))
    with pytest.raises(
        UserError, match=r"in 76% of the rows no text is empty; 1 of 4 rows \(25%\)"
    ):
        checker.finish("raw")


@pytest.mark.parametrize("level", ["error", "warn"])
def test_the_level_decides_whether_the_stage_stops(level: str, make_corpus) -> None:
    checker = checker_of(make_corpus, overlap={"level": level})
    checker.add("train", split(["a"]))
    checker.finish("train", FrameStatistics(unknown_rates={"text": 0.0}, labels=_both()))
    checker.add("test", split(["a", "b"], **{"overlap text": [1, 0]}))
    statistics = FrameStatistics(
        unknown_rates={"text": 0.0}, labels=_both(), overlap_details={"text": "1 exactly"}
    )
    if level == "error":
        with pytest.raises(
            UserError, match=r"also in train.*1 of 2 rows .*\[overlap\]:\n +d.txt:1"
        ):
            checker.finish("test", statistics)
        return
    checker.finish("test", statistics)
    (line,) = checker.warnings
    assert "1 of 2 rows (50%) break this, 1 exactly, for example d.txt:1  a [overlap]" in line


def _both() -> Counter[str]:
    return Counter({"good": 1, "bad": 1})


def test_rules_that_are_off(make_corpus) -> None:
    corpus = make_corpus("classification")
    off = corpus.checks.model_copy(
        update={"empty": None, "length_outlier": None, "rows": None, "bad_rows": None}
    )
    checker = Checker(corpus.model_copy(update={"checks": off}))
    checker.add("raw", raw(["", "b" * 999]))
    checker.finish("raw", FrameStatistics(bad_rows=9))
    assert {result["name"] for result in checker.report} == {
        *("columns", "labelled", "labels", "label_conflicts"),
    }


@pytest.mark.parametrize(("maximum", "stops"), [(0.2, False), (0.19, True)])
def test_rows_that_the_reader_cannot_read(maximum: float, stops: bool, make_corpus) -> None:
    checker = checker_of(make_corpus, bad_rows={"max": maximum})
    checker.add("raw", raw(["a", "b", "c", "d"]))
    if not stops:
        checker.finish("raw", FrameStatistics(bad_rows=1))
        return
    with pytest.raises(
        UserError, match=r"at most 19% of the rows cannot be read; found: 0.2, 1 of 5 rows \[bad_r"
    ):
        checker.finish("raw", FrameStatistics(bad_rows=1))


@pytest.mark.parametrize(("maximum", "stops"), [(0.25, False), (0.24, True)])
def test_rows_that_cleaning_drops(maximum: float, stops: bool, make_corpus) -> None:
    checker = checker_of(make_corpus, dropped={"max": maximum})
    for name, texts in {"train": ["a"], "valid": ["b"], "test": ["c"]}.items():
        checker.add(name, split(texts))
        checker.finish(name, FrameStatistics(unknown_rates={"text": 0.0}, labels=_both()))
    statistics = FrameStatistics(dropped=1, dropped_detail="1 too long")
    if not stops:
        checker.finish("splits", statistics)
        (dropped,) = [result for result in checker.report if result["name"] == "dropped"]
        assert (dropped["observed"], dropped["detail"]) == (0.25, "1 of 4 rows: 1 too long")
        return
    with pytest.raises(
        UserError, match=r"drops at most 24% .*found: 0.25, 1 of 4 rows: 1 too long"
    ):
        checker.finish("splits", statistics)


def test_new_data_that_has_drifted(make_corpus) -> None:
    checker = checker_of(make_corpus, drift={"max": 0.3})
    checker.finish("new data", FrameStatistics(distances={"lengths of text": 0.3}))
    with pytest.raises(UserError, match=r"distance of lengths of text .*found: 0.31 \[drift\]"):
        checker.finish("new data", FrameStatistics(distances={"lengths of text": 0.31}))
