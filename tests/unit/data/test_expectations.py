import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from pipelines import files
from pipelines.config import params
from pipelines.data import expectations
from pipelines.errors import UserError
from tests.unit.data import whole_frames

ROOT = Path(__file__).parents[3]
Splits = dict[str, pd.DataFrame]


class Checker(expectations.Checker):
    """Checker of whole frames in memory."""

    def __init__(self, corpus: params.Corpus, failed: Path | None = None) -> None:
        super().__init__(corpus, failed)
        self.corpus = corpus

    def raw(self, raw: pd.DataFrame) -> None:
        whole_frames.check_raw(self, raw, self.corpus)

    def prepared(self, splits: "Splits", unknown: Mapping[str, Any], dropped: int = 0) -> None:
        whole_frames.check_splits(self, splits, unknown, self.corpus, dropped)


def frame(first: int = 1, **columns: list[Any]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    lines = range(first, first + rows)
    return pd.DataFrame({"document": ["d.txt"] * rows, "line": lines, **columns})


@pytest.fixture
def opinions(make_corpus) -> params.Corpus:
    return make_corpus(
        "classification", cleaning={"drop_repeated": True}, checks={"rows": {"min": 3}}
    )


@pytest.fixture
def verses(make_corpus) -> params.Corpus:
    return make_corpus("translation", cleaning={"max_length": 4}, split={"by": "target"})


def opinion_splits() -> Splits:
    return {
        "train": frame(1, text=["a", "b c"], label=["good", "bad"]),
        "valid": frame(11, text=["d"], label=["good"]),
        "test": frame(21, text=["e"], label=["bad"]),
    }


def verse_splits() -> Splits:
    return {
        "train": frame(1, source=["a b", "b"], target=["x y", "z"]),
        "valid": frame(11, source=["c"], target=["u"]),
        "test": frame(21, source=["a b"], target=["v"]),
    }


def rates(splits: Splits, value: float = 0.0, columns: tuple[str, ...] = ("text",)) -> Any:
    return {name: dict.fromkeys(columns, value) for name in splits}


def error_of(
    corpus: params.Corpus, splits: Splits, unknown: Mapping[str, Any] | None = None
) -> str:
    columns = ("text",) if corpus.task == "classification" else ("source", "target")
    checker = Checker(corpus)
    with pytest.raises(UserError) as error:
        checker.prepared(splits, unknown or rates(splits, columns=columns))
    return str(error.value)


def test_valid_data_passes_and_the_report_is_stable(opinions: params.Corpus) -> None:
    reports = []
    for _ in range(2):
        checker = Checker(opinions)
        checker.raw(frame(text=["A", "B c", "D", "E"], label=["good", "bad", "good", "bad"]))
        checker.prepared(opinion_splits(), rates(opinion_splits(), 0.25))
        reports.append(files.dump_json(checker.report))
    assert reports[0] == reports[1]
    report = json.loads(reports[0])
    for result in report:
        if result["name"] != "unknown_drift":  # valid has the same rate as train
            assert result["success"]
            assert not result["unexpected"]
    assert [result["frame"] for result in report] == sorted(result["frame"] for result in report)
    assert {result["frame"] for result in report} == {"raw", "train", "valid", "test", "splits"}
    keys = {"frame", "name", "level", "rule", "expectation", "column", "observed", "unexpected"}
    keys |= {"arguments", "rows", "detail", "examples", "success"}
    assert {frozenset(result) for result in report} == {frozenset(keys)}
    observed = {(result["frame"], result["rule"]): result["observed"] for result in report}
    assert observed["train", "no text has more than 10 tokens"] == 2
    assert observed["splits", "there are at least 3 rows"] == 4
    rule = "at most 1 of the words of text are outside the vocabulary"
    assert observed["valid", rule] == 0.25


def test_valid_verses_pass(verses: params.Corpus) -> None:
    checker = Checker(verses)
    checker.prepared(verse_splits(), rates(verse_splits(), columns=("source", "target")))
    rules = [result["rule"] for result in checker.report if result["frame"] == "splits"]
    assert rules == ["cleaning drops at most 50% of the rows", "there are at least 1 rows"]
    (repeated,) = [x for x in checker.report if (x["frame"], x["name"]) == ("test", "repeated")]
    assert repeated["rule"] == "no target is in two splits"


RAW = {"text": ["a", "b", "c"], "label": ["good", "bad", "good"]}


@pytest.mark.parametrize(
    ("rows", "messages"),
    [
        (
            frame(label=["good"] * 3, text=["a"] * 3),
            ["raw: the columns are document, line, text, label; found: document, line, label"],
        ),
        (frame(text=["a"], label=["bad"]), ["raw: there are at least 3 rows; found: 1"]),
        (
            frame(text=["a", " \n", "c"], label=RAW["label"]),
            [r"raw: no text is empty; 1 of 3 rows \(33.3%\) break this \[empty\]:", "d.txt:2"],
        ),
        (
            frame(text=RAW["text"], label=["good", "Good", "dog"]),
            ["every label is one of bad, good; 2 of 3", "d.txt:2  Good", "d.txt:3  dog"],
        ),
        (
            frame(text=RAW["text"], label=["good", None, "bad"]),
            ["every row has a label; 1 of 3", "d.txt:2"],
        ),
    ],
    ids=["schema", "rows", "empty", "labels", "no label"],
)
def test_each_rule_for_raw_rows(
    rows: pd.DataFrame, messages: list[str], opinions: params.Corpus
) -> None:
    checker = Checker(opinions)
    with pytest.raises(UserError) as error:
        checker.raw(rows)
    for message in messages:
        assert re.search(message, str(error.value), re.MULTILINE), str(error.value)
    assert "no split was written" in str(error.value)


def test_prepared_rows_that_are_empty_or_too_long(opinions: params.Corpus) -> None:
    splits = opinion_splits()
    splits["valid"] = frame(11, text=["", "a " * 10 + "a", "ok"], label=["good"] * 3)
    message = error_of(opinions, splits)
    assert (
        "valid: no text is empty; 1 of 3 rows (33.3%) break this [empty]:\n    d.txt:11" in message
    )
    rule = "valid: no text has more than 10 tokens"
    assert f"{rule}; 1 of 3 rows (33.3%) break this [max_length]:\n    d.txt:12" in message


def test_at_most_five_rows_are_shown(opinions: params.Corpus) -> None:
    splits = opinion_splits()
    splits["test"] = frame(21, text=[""] * 9, label=["bad"] * 9)
    message = error_of(opinions, splits)
    assert "9 of 9 rows (100%) break this" in message
    assert re.findall(r"d\.txt:(\d+)", message) == ["21", "22", "23", "24", "25"]


def test_control_characters_are_not_shown(opinions: params.Corpus) -> None:
    splits = opinion_splits()
    splits["test"] = frame(21, text=["\x1b[31m " * 11], label=["bad"])
    assert "\x1b" not in error_of(opinions, splits)


def test_every_label_occurs_in_training(opinions: params.Corpus) -> None:
    splits = opinion_splits()
    splits["train"]["label"] = "good"
    message = error_of(opinions, splits)
    assert "train: each of the labels bad, good occurs; found: 1, no " in message
    splits["train"]["label"] = ["good", "odd"]
    assert "train: every label is one of bad, good; 1 of 2 rows (50%)" in error_of(opinions, splits)


def test_splits_with_too_few_rows(make_corpus) -> None:
    corpus = make_corpus("classification", checks={"rows": {"min": 5}})
    assert "splits: there are at least 5 rows; found: 4" in error_of(corpus, opinion_splits())


def test_texts_in_two_splits(opinions: params.Corpus, make_corpus) -> None:
    splits = opinion_splits()
    splits["test"]["text"] = "b c"
    message = error_of(opinions, splits)
    assert (
        "test: no text is in two splits; 1 of 1 rows (100%) break this [repeated]:\n    d.txt:21"
        in message
    )
    splits["test"]["text"] = splits["valid"]["text"]
    assert "no text is in two splits; 1 of 1" in error_of(opinions, splits)


# Warnings ---------------------------------------------------------------------------------------


def warnings_of(
    corpus: params.Corpus, splits: Splits, unknown: Mapping[str, Any] | None = None
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the broken rules of the level `warn`, by frame and name."""
    columns = ("text",) if corpus.task != "translation" else ("source", "target")
    checker = Checker(corpus)
    checker.prepared(splits, unknown or rates(splits, columns=columns))
    broken = [result for result in checker.report if not result["success"]]
    assert len(checker.warnings) == len(broken)
    assert {result["level"] for result in broken} <= {"warn"}
    return {(result["frame"], result["name"]): result for result in broken}


def repeated_splits() -> Splits:
    splits = opinion_splits()
    splits["train"]["text"] = ["So good !", "b c"]
    splits["valid"] = frame(11, text=["d", "b c"], label=["good", "bad"])
    splits["test"] = frame(21, text=["b c", "e", "so  GOOD..."], label=["bad", "good", "bad"])
    return splits


@pytest.mark.parametrize("kind", ["given", "repeats allowed"])
def test_training_texts_in_other_splits_are_counted(kind: str, make_corpus) -> None:
    options: dict[str, Any] = {"cleaning": {"drop_repeated": kind == "given"}}
    if kind == "given":
        options["split"] = GIVEN_SPLIT
    found = warnings_of(make_corpus("classification", **options), repeated_splits())
    assert set(found) == {("valid", "overlap"), ("test", "overlap")}
    overlap = found["test", "overlap"]
    assert (overlap["unexpected"], overlap["rows"], overlap["detail"]) == (2, 3, "1 exactly")
    assert overlap["examples"] == ["d.txt:21  b c", "d.txt:23  so  GOOD..."]
    assert (found["valid", "overlap"]["unexpected"], found["valid", "overlap"]["rows"]) == (1, 2)


def test_a_split_without_exact_repeats_may_repeat_a_text_in_another_case(
    opinions: params.Corpus,
) -> None:
    splits = repeated_splits()
    splits["valid"]["text"], splits["test"]["text"] = ["d", "f"], ["g", "e", "So  GOOD..."]
    checker = Checker(opinions)
    checker.prepared(splits, rates(splits))
    (line,) = checker.warnings
    assert line == (
        "test: no text is also in train, ignoring case, spaces and punctuation; 1 of 3 rows "
        "(33.3%) break this, 0 exactly, for example d.txt:23  So  GOOD... [overlap]"
    )


def test_sources_and_pairs_of_training_are_counted_apart(verses: params.Corpus) -> None:
    splits = verse_splits()
    found = warnings_of(verses, splits)
    assert set(found) == {("test", "overlap")}  # the source "a b", with another target
    assert "no source is also in train" in found["test", "overlap"]["rule"]
    given = verses.model_copy(update={"split": GIVEN_SPLIT})
    splits["test"]["target"] = "X y"
    checker = Checker(given)
    checker.prepared(splits, rates(splits, columns=("source", "target")))
    rules = [line.partition(",")[0] for line in checker.warnings]
    assert rules == [
        "test: no source is also in train",
        "test: no source with its target is also in train",
    ]


def test_short_repeated_lines_of_a_running_text_are_no_warning(make_corpus) -> None:
    corpus = make_corpus("language_modelling", cleaning={"max_length": 99})
    long = "it was the best of times , it was the worst"
    splits = {
        "train": frame(1, text=["enter romeo", long]),
        "valid": frame(11, text=["Enter ROMEO"]),
        "test": frame(21, text=["Enter ROMEO", long]),
    }
    checker = Checker(corpus)
    checker.prepared(splits, rates(splits))
    overlaps = {
        result["frame"]: (result["success"], result["unexpected"], result["detail"])
        for result in checker.report
        if result["name"] == "overlap"
    }
    assert overlaps == {
        "valid": (True, 0, "1 of any length"),
        "test": (False, 1, "2 of any length, 1 exactly"),
    }


@pytest.mark.parametrize("drop_repeated", [True, False])
def test_texts_with_two_labels_are_counted_before_cleaning(
    drop_repeated: bool, make_corpus
) -> None:
    corpus = make_corpus("classification", cleaning={"drop_repeated": drop_repeated})
    texts, labels = ["Fine.", "fine", "bad", "bad"], ["good", "bad", "bad", "bad"]
    checker = Checker(corpus)
    checker.raw(frame(text=texts, label=labels))
    (line,) = checker.warnings
    assert line == (
        "raw: no text has more than one label, ignoring case, spaces and punctuation; 2 of 4 rows "
        "(50%) break this, for example d.txt:1  Fine. [label_conflicts]"
    )


def test_texts_with_two_sequences_of_tags_are_counted(make_corpus) -> None:
    checker = Checker(make_corpus("tagging"))
    checker.raw(frame(text=["to Rome", "to rome", "to Rome ."], tags=["O B-x", "O O", "O B-x O"]))
    (line,) = checker.warnings
    assert re.search("no text has different tags, .*; 2 of 3 rows", line)


def labelled_splits(test_labels: list[str]) -> Splits:
    splits = {}
    for name, labels in (
        ("train", ["good"] * 200 + ["bad"] * 200),
        ("valid", ["good"] * 50 + ["bad"] * 50),
        ("test", test_labels),
    ):
        texts = [f"{name} {number}" for number in range(len(labels))]
        splits[name] = frame(1, text=texts, label=labels)
    return splits


def test_label_drift_is_more_than_chance_explains(opinions: params.Corpus) -> None:
    found = warnings_of(opinions, labelled_splits(["good"] * 80 + ["bad"] * 20))
    assert set(found) == {("test", "label_drift")}
    drift = found["test", "label_drift"]
    assert drift["observed"] == pytest.approx(0.3)
    assert drift["detail"] == "0.800 are good, in train 0.500"
    # The same shares, of so few rows that chance explains them; and a drift below the limit.
    assert not warnings_of(opinions, labelled_splits(["good"] * 4 + ["bad"]))
    assert not warnings_of(opinions, labelled_splits(["good"] * 54 + ["bad"] * 46))


def test_tags_of_all_tokens_count_for_the_drift(make_corpus) -> None:
    rows = {"train": ["O O"] * 90 + ["O B-x"] * 90, "valid": ["O O"], "test": ["B-x B-x"] * 50}
    splits = {
        name: frame(1, text=[f"{name} {number}" for number in range(len(tags))], tags=tags)
        for name, tags in rows.items()
    }
    drift = warnings_of(make_corpus("tagging"), splits)["test", "label_drift"]
    assert drift["observed"] == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("train", "test", "warns"),
    [
        (0.0, 0.0, False),
        (0.0, 0.009, False),
        (0.0, 0.1, True),
        (0.03, 0.05, False),
        (0.03, 0.091, True),
        (0.2, 0.5, False),
    ],
)
def test_unknown_words_far_above_those_of_training(
    train: float, test: float, warns: bool, opinions: params.Corpus
) -> None:
    splits = opinion_splits()
    unknown = rates(splits, train)
    unknown["test"] = {"text": test}
    found = warnings_of(opinions, splits, unknown)
    assert set(found) == ({("test", "unknown_drift")} if warns else set())
    if warns:
        assert found["test", "unknown_drift"]["observed"] == test
        assert found["test", "unknown_drift"]["detail"] == f"{train:.4f} in train"


def test_a_row_much_longer_than_all_others(opinions: params.Corpus) -> None:
    texts = [f"text {number:03}" for number in range(100)]
    checker = Checker(opinions)
    checker.raw(frame(text=[*texts, "b" * 80], label=["good"] * 101))
    assert not checker.warnings
    checker = Checker(opinions)
    checker.raw(frame(text=[*texts, "b" * 81], label=["good"] * 101))
    (line,) = checker.warnings
    assert (
        "no text is more than 10 times as long as 95% of them; 1 of 101 rows (0.99%) break" in line
    )
    assert f"95% have at most 8 characters, for example d.txt:101  {'b' * 80}..." in line


# ------------------------------------------------------------------------------------------------


def test_targets_in_two_splits_where_the_split_is_by_target(verses: params.Corpus) -> None:
    splits = verse_splits()  # a repeated source is allowed here
    splits["test"]["target"] = "z"
    assert "no target is in two splits; 1 of 1" in error_of(verses, splits)


def test_length_ratio(verses: params.Corpus) -> None:
    splits = verse_splits()
    splits["train"] = frame(1, source=["a b c", "b"] + ["c"] * 98, target=["x"] * 100)
    Checker(verses).prepared(splits, rates(splits, columns=("source", "target")))
    splits["train"]["target"] = ["x", "u v w"] + ["y y"] * 98
    message = error_of(verses, splits)
    rule = "in 99% of the rows neither source nor target is more than 2 times as long as the other"
    assert (
        f"{rule}; 2 of 100 rows (2%) break this [length_ratio]:\n    d.txt:1  a b c\n    d.txt:2  b"
        in message
    )


def test_too_many_unknown_tokens(make_corpus) -> None:
    corpus = make_corpus("classification", checks={"unknown_rate": {"max": 0.1}})
    unknown = rates(opinion_splits(), 0.1)
    Checker(corpus).prepared(opinion_splits(), unknown)
    unknown["test"]["text"] = 0.14
    message = error_of(corpus, opinion_splits(), unknown)
    rule = "at most 0.1 of the words of text are outside the vocabulary"
    assert f"test: {rule}; found: 0.14" in message


GIVEN_SPLIT = params.GivenSplit(method="given", train=("a",), valid=("b",), test=("c",))


def test_given_rows_may_be_long_and_repeated_but_never_empty(make_corpus) -> None:
    corpus = make_corpus(
        "classification", cleaning={"max_length": 2, "drop_repeated": True}, split=GIVEN_SPLIT
    )
    splits = opinion_splits()
    splits["test"] = frame(21, text=["a", "d e f"], label=["bad", "good"])
    Checker(corpus).prepared(splits, rates(splits))
    splits["train"]["text"] = ["a", "d e f"]
    assert "train: no text has more than 2 tokens; 1 of 2" in error_of(corpus, splits)
    splits["train"]["text"], splits["test"]["text"] = ["a", "b"], ["", "c"]
    assert (
        "test: no text is empty; 1 of 2 rows (50%) break this [empty]:\n    d.txt:21"
        in error_of(corpus, splits)
    )


def test_rows_of_a_verse_in_two_splits(make_corpus) -> None:
    corpus = make_corpus("translation", split={"by": "line"})
    splits = verse_splits()
    Checker(corpus).prepared(splits, rates(splits, columns=("source", "target")))
    splits["test"]["line"] = 2
    assert "no line is in two splits; 1 of 1" in error_of(corpus, splits)


def test_sub_words_are_checked_as_words_and_characters(make_corpus) -> None:
    corpus = make_corpus(
        "classification",
        tokens="unigram",
        vocabulary={"min_count": None},
        cleaning={"max_length": 2},
        checks={"unknown_rate": {"max": 0.1}},
    )
    splits = opinion_splits()
    checker = Checker(corpus)
    checker.prepared(splits, rates(splits, 0.05))
    rules = {result["rule"]: result["observed"] for result in checker.report}
    assert rules["no text has more than 2 words"] is not None
    assert "at most 0.1 of the characters of text are outside the vocabulary" in rules
    splits["train"]["text"] = ["good", "one two three"]
    assert "no text has more than 2 words; 1 of 2" in error_of(corpus, splits)


def test_columns_of_a_prepared_frame(opinions: params.Corpus) -> None:
    splits = opinion_splits()
    splits["valid"] = splits["valid"].drop(columns="label")
    assert "valid: the columns are document, line, text, label; found:" in error_of(
        opinions, splits
    )


def test_checks_print_nothing() -> None:
    code = (
        "import pandas as pd\n"
        "from pathlib import Path\n"
        "from pipelines.config import params\n"
        "from pipelines.data import expectations\n"
        "from tests.unit.data import whole_frames\n"
        "corpus = params.load(Path('params.yaml')).corpora['opinions']\n"
        "corpus = corpus.model_copy(update={'checks': corpus.checks.model_copy("
        "update={'rows': None})})\n"
        "raw = {'document': ['d'], 'line': [1], 'text': ['t'], 'label': ['neutral']}\n"
        "whole_frames.check_raw(expectations.Checker(corpus), pd.DataFrame(raw), corpus)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
