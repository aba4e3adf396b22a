import pandas as pd

from pipelines.config import params
from pipelines.data import cleaning


def frame(**columns: list[str]) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    return pd.DataFrame({"document": ["d"] * rows, "line": range(1, rows + 1), **columns})


def test_empty_and_long_rows_of_either_side_are_dropped(make_corpus) -> None:
    corpus = make_corpus("translation", cleaning={"max_length": 3})
    raw = frame(
        source=["a b c", "a b c d", "a", "\u200b", "x"],
        target=["x y z", "x", "w x y z", "x", " \n"],
    )
    cleaned = cleaning.clean(raw, corpus)
    assert cleaned["line"].tolist() == [1]
    assert raw["source"][3] == "\u200b", "the raw frame stays as it was"


def test_a_translation_with_a_repeated_side_is_dropped(make_corpus) -> None:
    corpus = make_corpus("translation", cleaning={"drop_repeated": True})
    raw = frame(source=["a", "A", "b", "c", "b"], target=["x", "y", "X", "y", "z"])
    # Row 2 repeats source a and row 3 target x. They are dropped, so y and b are new in 4 and 5.
    assert cleaning.clean(raw, corpus)["line"].tolist() == [1, 4, 5]


def test_a_repeated_text_is_dropped_whatever_its_label(make_corpus) -> None:
    raw = frame(text=["So!", "so !", "no"], label=["bad", "good", "bad"])
    corpus = make_corpus("classification", cleaning={"drop_repeated": True})
    assert cleaning.clean(raw, corpus)["line"].tolist() == [1, 3]
    corpus = make_corpus("classification", cleaning={"drop_repeated": False})
    assert len(cleaning.clean(raw, corpus)) == 3


def test_lengths_are_counted_in_tokens(make_corpus) -> None:
    corpus = make_corpus(tokens="characters", cleaning={"max_length": 3})
    assert cleaning.clean(frame(text=["abc", "abcd"]), corpus)["text"].tolist() == ["abc"]


def test_lengths_of_sub_words_are_counted_in_words(make_corpus) -> None:
    sizes = {"max_size": 100, "min_count": None}
    corpus = make_corpus(tokens="bpe", vocabulary=sizes, cleaning={"max_length": 2})
    cleaned = cleaning.clean(frame(text=["one two", "one two three", "o"]), corpus)
    assert cleaned["text"].tolist() == ["one two", "o"]


def test_only_training_rows_of_a_given_split_are_dropped(make_corpus) -> None:
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
    cleaned = cleaning.clean(raw, corpus)
    lines = {name: rows["line"].tolist() for name, rows in cleaned.groupby("document")}
    assert lines == {"a": [1, 4], "b": [1, 2, 3, 4], "c": [1, 2, 3, 4]}
    assert cleaned["text"].tolist()[2:6] == ["x y", "x y", "x y z", "new"]
    assert cleaned.index.tolist() == list(range(10))
