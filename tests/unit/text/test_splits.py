from typing import Any

import pandas as pd
import pytest

from pipelines import params
from pipelines.errors import Refusal
from pipelines.text import splits


def how(method: str = "shuffled", by: str | None = None, share: float = 0.1) -> params.Split:
    tree: dict[str, Any] = {"method": method, "by": by, "valid": share, "test": share}
    return params.Split.model_validate(tree)


def frame(rows: int = 100, groups: int = 100) -> pd.DataFrame:
    numbers = list(range(rows))
    targets = [f"t{number % groups}" for number in numbers]
    return pd.DataFrame({"document": "d", "line": numbers, "target": targets})


def lines(parts: dict[str, pd.DataFrame], name: str) -> list[int]:
    return parts[name]["line"].tolist()


@pytest.mark.parametrize("method", ["shuffled", "contiguous"])
def test_every_row_is_in_one_split(method: str) -> None:
    parts = splits.split(frame(), how(method), seed=1)
    assert {name: len(part) for name, part in parts.items()} == {
        "train": 80,
        "valid": 10,
        "test": 10,
    }
    assert sorted(line for name in parts for line in lines(parts, name)) == list(range(100))


def test_contiguous_keeps_the_order_whatever_the_seed() -> None:
    parts = splits.split(frame(), how("contiguous"), seed=3)
    assert lines(parts, "train") == list(range(80))
    assert lines(parts, "valid") == list(range(80, 90))
    assert lines(parts, "test") == list(range(90, 100))


def test_whole_documents_38_plays_are_34_2_2() -> None:
    plays = [f"{number:02d}.md" for number in range(38) for _ in range(number + 1)]
    rows = pd.DataFrame({"document": plays, "line": range(len(plays))})
    parts = splits.split(rows, how("contiguous", "document", 0.05), seed=1)
    assert parts["train"]["document"].unique().tolist() == [f"{n:02d}.md" for n in range(34)]
    assert parts["valid"]["document"].unique().tolist() == ["34.md", "35.md"]
    assert parts["test"]["document"].unique().tolist() == ["36.md", "37.md"]


def test_shuffled_order_is_a_pure_function_of_the_seed() -> None:
    one, again, other = (splits.split(frame(), how(), seed) for seed in (1, 1, 2))
    assert all(lines(one, name) == lines(again, name) for name in one)
    assert lines(one, "train") != lines(other, "train")
    assert lines(one, "train") != sorted(lines(one, "train"))


def test_groups_stay_together() -> None:
    parts = splits.split(frame(400, groups=40), how(by="target"), seed=1)
    sets = [set(part["target"]) for part in parts.values()]
    assert [len(targets) for targets in sets] == [32, 4, 4]
    assert not sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2]
    # Rows of one group are not left side by side: training reads them in this order.
    neighbours = parts["train"]["target"]
    assert (neighbours == neighbours.shift()).mean() < 0.2


def test_large_groups_are_drawn_like_small_ones() -> None:
    rows = pd.DataFrame({"document": "d", "line": range(90), "target": [*range(40), *[99] * 50]})
    parts = [splits.split(rows, how(by="target", share=0.3), seed) for seed in range(40)]
    trained = sum(99 in set(part["train"]["target"]) for part in parts)
    assert 5 < trained < 30  # 16 expected of 40


def test_at_least_one_each_and_too_few_are_refused() -> None:
    parts = splits.split(frame(3), how(share=0.01), seed=1)
    assert [len(part) for part in parts.values()] == [1, 1, 1]
    with pytest.raises(Refusal, match="2 rows are too few"):
        splits.split(frame(2), how(), seed=1)
    with pytest.raises(Refusal, match="1 different values of 'document' are too few"):
        splits.split(frame(9), how("contiguous", "document"), seed=1)
    with pytest.raises(Refusal, match="0 rows"):
        splits.split(frame(0), how(), seed=1)
