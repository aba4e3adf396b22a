from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.data import cleaning
from tests.unit.data.whole_frames import prepare

Maker = Any
# Three rows of their own for the splits, which need three at least.
OTHERS = ["p", "q", "r"]


def frame(**columns: list[str]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({"document": ["d"] * rows, "line": range(1, rows + 1), **columns})


def used(raw: pd.DataFrame, corpus: params.Corpus, folder: Path) -> pd.DataFrame:
    """Return the rows that are used, in their order."""
    others = {name: OTHERS for name in raw if name not in ("document", "line", "label")}
    filler = pd.DataFrame({"document": "e", "line": range(3), **others})
    filler = filler.assign(label="bad") if "label" in raw else filler
    parts = prepare(pd.concat([raw, filler[list(raw)]]), corpus, folder)
    rows = pd.concat(parts.values()).sort_values("line", kind="stable")
    return rows[rows["document"] == "d"].reset_index(drop=True)


def test_empty_and_long_rows_of_either_side_are_dropped(make_corpus: Maker, tmp_path: Path) -> None:
    corpus = make_corpus("translation", cleaning={"max_length": 3})
    raw = frame(
        source=["a b c", "a b c d", "a", "\u200b", "x"],
        target=["x y z", "x", "w x y z", "x", " \n"],
    )
    assert used(raw, corpus, tmp_path)["line"].tolist() == [1]


def test_a_translation_with_a_repeated_side_is_dropped(make_corpus: Maker, tmp_path: Path) -> None:
    corpus = make_corpus("translation", cleaning={"drop_repeated": True})
    raw = frame(source=["a", "A", "b", "c", "b"], target=["x", "y", "X", "y", "z"])
    # Row 2 repeats source a and row 3 target x. They are dropped, so y and b are new in 4 and 5.
    assert used(raw, corpus, tmp_path)["line"].tolist() == [1, 4, 5]


def test_repeated_sides_are_those_that_a_plain_loop_finds(
    make_corpus: Maker, tmp_path: Path
) -> None:
    random = np.random.default_rng(0)
    pairs = [[f"w{number}" for number in random.integers(0, 60, 200)] for _ in range(2)]
    sources: set[str] = set()
    targets: set[str] = set()
    expected = []
    for line, (source, target) in enumerate(zip(*pairs, strict=True), start=1):
        if source not in sources and target not in targets:
            expected.append(line)
            sources.add(source)
            targets.add(target)
    corpus = make_corpus("translation", cleaning={"drop_repeated": True})
    raw = frame(source=pairs[0], target=pairs[1])
    assert used(raw, corpus, tmp_path)["line"].tolist() == expected


@pytest.mark.parametrize("drop", [True, False])
def test_a_repeated_text_is_dropped_whatever_its_label(
    drop: bool, make_corpus: Maker, tmp_path: Path
) -> None:
    raw = frame(text=["So!", "so !", "no"], label=["bad", "good", "bad"])
    corpus = make_corpus("classification", cleaning={"drop_repeated": drop})
    assert used(raw, corpus, tmp_path)["line"].tolist() == ([1, 3] if drop else [1, 2, 3])


def test_rows_without_label_are_dropped(make_corpus: Maker, tmp_path: Path) -> None:
    raw = frame(text=["so", "no", "yes"], label=["bad", " ", ""])
    checks = {"labels": {"values": ["bad", "good"], "level": "warn"}}
    corpus = make_corpus("classification", checks=checks)
    assert used(raw, corpus, tmp_path)["line"].tolist() == [1]


def test_lengths_are_counted_in_tokens() -> None:
    texts = ["abc", "", "a b", "é\n"]
    assert cleaning.lengths(texts, "characters").tolist() == [3, 0, 3, 2]
    assert cleaning.lengths(texts, "words").tolist() == [1, 0, 2, 1]
    assert cleaning.lengths(["one two"], "bpe").tolist() == [2], "sub-words come later"


@pytest.mark.parametrize("tokens", ["words", "spaces", "bpe"])
def test_running_text_is_cut_between_words(tokens: str, make_corpus: Maker, tmp_path: Path) -> None:
    sizes = {"max_size": 100, "min_count": None if tokens == "bpe" else 1}
    corpus = make_corpus(tokens=tokens, vocabulary=sizes, cleaning={"max_length": 2})
    rows = used(frame(text=["one two", "a b c d e", "f"]), corpus, tmp_path)
    # The split is shuffled, and sorted by line again.
    assert sorted(rows["text"]) == ["a b", "c d", "e", "f", "one two"]
    assert rows["line"].tolist() == [1, 2, 2, 2, 3]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("ab cd\nefgh", ["ab ", "cd\n", "efgh"]),
        ("abcdefghij", ["abcd", "efgh", "ij"]),
        ("abce\u0301fg", ["abc", "e\u0301fg"]),
        ("abcd\n", ["abcd"]),
        ("a\u0301\u0301\u0301\u0301\u0301", ["a\u0301\u0301\u0301", "\u0301\u0301"]),
    ],
)
def test_running_text_is_cut_after_blanks_and_before_no_mark(text: str, pieces: list[str]) -> None:
    assert list(cleaning.cut(text, "characters", 4)) == pieces


def test_only_training_rows_of_a_given_split_are_dropped(
    make_corpus: Maker, tmp_path: Path
) -> None:
    """A benchmark is scored on all of its test rows."""
    corpus = make_corpus(
        "classification",
        cleaning={"max_length": 2, "drop_repeated": True},
        split=params.GivenSplit(method="given", train=("a",), valid=("b",), test=("c",)),
    )
    texts = ["X y", "x y", "x y z", "new"]
    raw = pd.concat(
        [frame(text=texts, label=["bad"] * 4).assign(document=name) for name in "abc"],
        ignore_index=True,
    )
    parts = prepare(raw, corpus, tmp_path)
    assert parts["train"]["line"].tolist() == [1, 4]
    for name in ("valid", "test"):
        assert parts[name]["text"].tolist() == ["x y", "x y", "x y z", "new"]
