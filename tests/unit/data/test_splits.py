import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.data import splits
from pipelines.errors import UserError
from tests.unit.data.whole_frames import prepare


def split(rows: pd.DataFrame, config: params.FractionSplit, seed: int = 1) -> dict[str, Any]:
    """Split rows of text, or of labels, by the columns that the config names."""
    codes, labels = None, {}
    if config.by:
        codes = -pd.factorize(rows[config.by])[0]  # any numbers
    if "label" in rows:
        numbers, names = pd.factorize(rows["label"])
        labels = {"labels": numbers, "label_names": list(names)}
    columns = splits.SplitColumns(
        rows=len(rows),
        groups=codes,
        unit=f"different values of '{config.by}'" if config.by else "rows",
        lengths=rows["text"].str.len().to_numpy() if is_running_text(rows) else None,
        **labels,  # type: ignore[arg-type]
    )
    order, parts = splits.assign(columns, config, seed)
    ordered = rows.iloc[order]
    return {
        name: ordered[parts == number].reset_index(drop=True)
        for number, name in enumerate(splits.PARTS)
    }


def is_running_text(rows: pd.DataFrame) -> bool:
    return "text" in rows and "label" not in rows


def split_config(
    method: str = "shuffled", by: str | None = None, share: float = 0.1, **more: object
) -> params.FractionSplit:
    tree: dict[str, Any] = {"method": method, "by": by, "valid": share, "test": share, **more}
    return params.FractionSplit.model_validate(tree)


def frame(rows: int = 100, groups: int = 100) -> pd.DataFrame:
    numbers = list(range(rows))
    targets = [f"t{number % groups}" for number in numbers]
    return pd.DataFrame({"document": "d", "line": numbers, "target": targets})


def lines(parts: dict[str, pd.DataFrame], name: str) -> list[int]:
    return parts[name]["line"].tolist()


@pytest.mark.parametrize("method", ["shuffled", "contiguous"])
def test_every_row_is_in_one_split(method: str) -> None:
    parts = split(frame(), split_config(method), seed=1)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 80,
        "valid": 10,
        "test": 10,
    }
    assert sorted(line for name in parts for line in lines(parts, name)) == list(range(100))


def test_contiguous_keeps_the_order_whatever_the_seed() -> None:
    parts = split(frame(), split_config("contiguous"), seed=3)
    assert lines(parts, "train") == list(range(80))
    assert lines(parts, "valid") == list(range(80, 90))
    assert lines(parts, "test") == list(range(90, 100))


def test_whole_documents_38_plays_are_34_2_2() -> None:
    plays = [f"{number:02d}.md" for number in range(38) for _ in range(number + 1)]
    rows = pd.DataFrame({"document": plays, "line": range(len(plays))})
    parts = split(rows, split_config("contiguous", "document", 0.05), seed=1)
    assert parts["train"]["document"].unique().tolist() == [f"{n:02d}.md" for n in range(34)]
    assert parts["valid"]["document"].unique().tolist() == ["34.md", "35.md"]
    assert parts["test"]["document"].unique().tolist() == ["36.md", "37.md"]


def test_shuffled_order_is_a_pure_function_of_the_seed() -> None:
    first, repeated, other = (split(frame(), split_config(), seed) for seed in (1, 1, 2))
    assert all(lines(first, name) == lines(repeated, name) for name in first)
    assert lines(first, "train") != lines(other, "train")
    assert lines(first, "train") != sorted(lines(first, "train"))


def test_groups_stay_together() -> None:
    parts = split(frame(400, groups=40), split_config(by="target"), seed=1)
    sets = [set(part["target"]) for part in parts.values()]
    assert [len(targets) for targets in sets] == [32, 4, 4]
    assert not sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2]
    # Rows of a group are not consecutive: training reads them in this order.
    neighbours = parts["train"]["target"]
    assert (neighbours == neighbours.shift()).mean() < 0.2


def test_large_groups_are_as_likely_as_small_ones() -> None:
    rows = pd.DataFrame({"document": "d", "line": range(90), "target": [*range(40), *[99] * 50]})
    parts = [split(rows, split_config(by="target", share=0.3), seed) for seed in range(40)]
    trained = sum(99 in set(part["train"]["target"]) for part in parts)
    assert 5 < trained < 30  # 16 expected of 40


def test_at_least_one_each_and_too_few_are_refused() -> None:
    parts = split(frame(3), split_config(share=0.01), seed=1)
    assert [len(part) for part in parts.values()] == [1, 1, 1]
    with pytest.raises(UserError, match="2 rows are too few"):
        split(frame(2), split_config(), seed=1)
    with pytest.raises(UserError, match="1 different values of 'document' are too few"):
        split(frame(9), split_config("contiguous", "document"), seed=1)
    with pytest.raises(UserError, match="0 rows"):
        split(frame(0), split_config(), seed=1)


def labelled(**counts: int) -> pd.DataFrame:
    labels = [label for label, count in counts.items() for _ in range(count)]
    return pd.DataFrame({"document": "d", "line": range(len(labels)), "label": labels})


def test_stratified_keeps_the_shares_of_each_label() -> None:
    parts = split(labelled(bad=627, fine=212, good=161), split_config("stratified", share=0.1), 1)
    for name, counts in {
        "train": {"bad": 501, "fine": 170, "good": 129},
        "valid": {"bad": 63, "fine": 21, "good": 16},
        "test": {"bad": 63, "fine": 21, "good": 16},
    }.items():
        assert parts[name]["label"].value_counts().to_dict() == counts
    assert sorted(line for name in parts for line in lines(parts, name)) == list(range(1000))


def test_stratified_rows_are_shuffled_by_the_seed() -> None:
    first, repeated, other = (
        split(labelled(bad=60, good=40), split_config("stratified"), seed) for seed in (1, 1, 2)
    )
    assert all(lines(first, name) == lines(repeated, name) for name in first)
    assert set(lines(first, "test")) != set(lines(other, "test"))
    neighbours = first["train"]["label"]
    assert (neighbours == neighbours.shift()).mean() < 0.8, "labels are not in blocks"


def test_a_rare_label_is_in_every_part_or_in_training() -> None:
    parts = split(labelled(bad=50, rare=3), split_config("stratified"), 1)
    assert ["rare" in set(part["label"]) for part in parts.values()] == [True] * 3
    parts = split(labelled(bad=50, rare=2), split_config("stratified"), 1)
    assert [(part["label"] == "rare").sum() for part in parts.values()] == [2, 0, 0]
    with pytest.raises(UserError, match="No label has three rows"):
        split(labelled(bad=2, rare=2), split_config("stratified"), 1)


def running(lengths: list[int]) -> pd.DataFrame:
    """Return rows of these lengths, each with its line end."""
    texts = ["x" * (length - 1) for length in lengths]
    return pd.DataFrame({"document": "d", "line": range(len(texts)), "text": texts})


def test_a_running_text_is_cut_by_its_characters() -> None:
    """Ninety rows of 1 character and ten of 91: 1,000 characters."""
    parts = split(running([1] * 90 + [91] * 10), split_config("contiguous"), seed=1)
    sizes = {name: (part["text"].str.len() + 1).sum() for name, part in parts.items()}
    assert sizes == {"train": 90 + 8 * 91, "valid": 91, "test": 91}
    assert lines(parts, "train") == list(range(98))


def test_the_nearest_end_of_a_row_is_the_cut() -> None:
    # The ideal cuts are at 60 and 80 of 100 characters.
    parts = split(running([30, 25, 29, 10, 6]), split_config("contiguous", share=0.2), seed=1)
    assert [lines(parts, name) for name in parts] == [[0, 1], [2], [3, 4]]
    parts = split(running([30, 34, 13, 23]), split_config("contiguous", share=0.2), seed=1)
    assert [lines(parts, name) for name in parts] == [[0, 1], [2], [3]]


@pytest.mark.parametrize("lengths", [[1, 1, 98], [98, 1, 1], [1, 98, 1]])
def test_no_part_of_a_running_text_is_empty(lengths: list[int]) -> None:
    parts = split(running(lengths), split_config("contiguous"), seed=1)
    assert [len(part) for part in parts.values()] == [1, 1, 1]
    with pytest.raises(UserError, match="2 rows are too few"):
        split(running(lengths[:2]), split_config("contiguous"), seed=1)


@pytest.mark.parametrize("measured", [False, True])
def test_with_valid_first_the_training_text_reaches_up_to_the_test(measured: bool) -> None:
    rows = running([10] * 100) if measured else frame()
    config = split_config("contiguous", share=0.2, valid_first=True)
    parts = split(rows, config, seed=1)
    assert lines(parts, "valid") == list(range(20))
    assert lines(parts, "train") == list(range(20, 80))
    assert lines(parts, "test") == list(range(80, 100))


@pytest.mark.parametrize("lengths", [[1, 1, 98], [98, 1, 1], [1, 98, 1]])
def test_no_part_is_empty_with_the_validation_first(lengths: list[int]) -> None:
    parts = split(running(lengths), split_config("contiguous", valid_first=True), seed=1)
    assert [lines(parts, name) for name in ("valid", "train", "test")] == [[0], [1], [2]]


def test_labelled_rows_are_counted_and_not_measured() -> None:
    frame = running([1] * 90 + [91] * 10).assign(label="a")
    parts = split(frame, split_config("contiguous"), seed=1)
    assert [len(part) for part in parts.values()] == [80, 10, 10]


def test_rows_of_one_line_stay_together() -> None:
    rows = pd.DataFrame({"document": "d", "line": [n // 2 for n in range(200)], "target": "t"})
    parts = split(rows, split_config(by="line"), seed=1)
    assert [len(part) for part in parts.values()] == [160, 20, 20]
    assert all((part["line"].value_counts() == 2).all() for part in parts.values())


@pytest.mark.parametrize("rows", [10, 1000])
def test_the_order_is_numpys_permutation(rows: int) -> None:
    order, _ = splits.assign(splits.SplitColumns(rows), split_config(), seed=5)
    assert order.tolist() == np.random.default_rng(5).permutation(rows).tolist()
    assert order.dtype == np.uint32


def test_groups_of_a_stratified_split_stay_together() -> None:
    rows = labelled(bad=60, good=40)
    groups = np.arange(100) // 2
    columns = splits.SplitColumns(
        100, groups, labels=pd.factorize(rows["label"])[0], label_names=["bad", "good"]
    )
    order, parts = splits.assign(columns, split_config("stratified"), seed=1)
    part_of = dict(zip(order.tolist(), parts.tolist(), strict=True))
    assert all(part_of[row] == part_of[row + 1] for row in range(0, 100, 2))
    assert np.bincount(parts).tolist() == [80, 10, 10]
    columns = dataclasses.replace(columns, groups=np.arange(100) // 50)
    with pytest.raises(UserError, match="groups of near-duplicates of the label 'bad' are too few"):
        splits.assign(columns, split_config("stratified"), seed=1)


def given_corpus(make_corpus: Any, **files: str) -> params.Corpus:
    lists = {name: (file,) for name, file in files.items()}
    split = params.GivenSplit.model_validate({"method": "given", **lists})
    corpus: params.Corpus = make_corpus(split=split)
    return corpus


def test_given_splits_are_those_of_their_files(make_corpus: Any, tmp_path: Path) -> None:
    rows = [(document, line, "x") for line, document in enumerate("bbbacca")]
    parts = prepare(rows, given_corpus(make_corpus, train="b", valid="c", test="a"), tmp_path)
    assert {name: set(part["document"]) for name, part in parts.items()} == {
        "train": {"b"},
        "valid": {"c"},
        "test": {"a"},
    }
    assert lines(parts, "train") == [0, 1, 2]
    assert parts["test"].index.tolist() == [0, 1]


def test_a_given_part_that_is_empty_is_refused(make_corpus: Any, tmp_path: Path) -> None:
    corpus = given_corpus(make_corpus, train="a.txt", valid="c", test="b")
    with pytest.raises(UserError, match=r"'train' has no rows of a\.txt"):
        prepare([("b", 1, "x"), ("c", 1, "x")], corpus, tmp_path)
