"""The table of a training's epochs: stable bytes, and nothing damaged is read."""

import pandas as pd
import pytest

from pipelines import history
from pipelines.errors import Refusal

ROWS = [
    {"epoch": 1, "tokens": 10, "train_loss": 2.123456789123, "valid_loss": 3.0},
    {"epoch": 2, "tokens": 20, "train_loss": 1.5, "valid_loss": 2.5},
]


def test_written_and_read(tmp_path):
    path = tmp_path / "plots" / "a.csv"
    history.write(pd.DataFrame(ROWS), path)
    assert path.read_bytes().startswith(b"epoch,tokens,train_loss,valid_loss\n1,10,2.12345679,3\n")
    assert history.tokens_seen(history.read(path)) == 20


@pytest.mark.parametrize(
    "content", ["", "epoch,tokens\n1,2\n", "epoch,tokens,train_loss,valid_loss\n"]
)
def test_damaged_is_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    with pytest.raises(Refusal, match="is missing: train the model first"):
        history.read(path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(Refusal, match="is damaged: delete it and train"):
        history.read(path)
