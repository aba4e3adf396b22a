"""The table of epochs: stable bytes, and damaged files are refused."""

import pandas as pd
import pytest

from pipelines.errors import UserError
from pipelines.training import history

ROWS = [
    {"epoch": 1, "tokens": 10, "train_loss": 2.123456789123, "valid_loss": 3.0},
    {"epoch": 2, "tokens": 20, "train_loss": 1.5, "valid_loss": 2.5},
]


def test_write_and_read(tmp_path):
    path = tmp_path / "plots" / "a.csv"
    history.write_history(pd.DataFrame(ROWS), path)
    assert path.read_bytes().startswith(b"epoch,tokens,train_loss,valid_loss\n1,10,2.12345679,3\n")
    assert history.tokens_seen(history.read_history(path)) == 20


def test_by_seed_splits_the_table_of_a_group():
    group = pd.DataFrame([{"seed": seed, **row} for seed in (7, 3) for row in ROWS])
    parts = history.by_seed(group)
    assert list(parts) == [7, 3]
    for part in parts.values():
        assert part.to_dict("records") == ROWS
    assert list(history.by_seed(pd.DataFrame(ROWS))) == [None]
    assert history.tokens_read(group) == 40
    assert history.tokens_seen(group) == 20


def test_best_values_are_the_lowest_losses_and_the_highest_scores():
    columns = {"valid_mixture_loss": [2.0, 1.5, 1.7], "valid_exact_match": [0.1, 0.4, 0.3]}
    table = pd.DataFrame({"epoch": [1, 2, 3], "valid_loss": [3.0, 2.0, 2.5], **columns})
    assert history.best_values(table) == {"mixture loss": 1.5, "exact match": 0.4}


@pytest.mark.parametrize(
    "content", ["", "epoch,tokens\n1,2\n", "epoch,tokens,train_loss,valid_loss\n"]
)
def test_missing_and_damaged_tables_are_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    with pytest.raises(UserError, match=r"a\.csv is missing"):
        history.read_history(path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"a\.csv is damaged"):
        history.read_history(path)
