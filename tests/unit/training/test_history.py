"""The table of a training's epochs: stable bytes, and nothing damaged is read."""

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import UserError
from pipelines.training import history

ROWS = [
    {"epoch": 1, "tokens": 10, "train_loss": 2.123456789123, "valid_loss": 3.0},
    {"epoch": 2, "tokens": 20, "train_loss": 1.5, "valid_loss": 2.5},
]


def test_written_and_read(tmp_path):
    path = tmp_path / "plots" / "a.csv"
    history.write_history(pd.DataFrame(ROWS), path)
    assert path.read_bytes().startswith(b"epoch,tokens,train_loss,valid_loss\n1,10,2.12345679,3\n")
    assert history.tokens_seen(history.read_history(path)) == 20


def test_the_steps_of_a_training_are_written_and_read(tmp_path):
    losses, norms = np.array([2.5, 1.5]), np.array([0.25, 3.0])
    history.write_steps(
        history.TrainingResult(None, pd.DataFrame(ROWS), losses, norms, (), 1.0), tmp_path
    )
    np.testing.assert_array_equal(history.read_losses(tmp_path), losses)
    np.testing.assert_array_equal(history.read_norms(tmp_path), norms)


def test_what_was_counted_has_no_steps(tmp_path):
    history.write_steps(
        history.TrainingResult(None, pd.DataFrame(ROWS), None, None, (), 1.0), tmp_path
    )
    assert not list(tmp_path.iterdir())
    assert len(history.read_norms(tmp_path)) == 0


def test_samples_are_written_and_read(tmp_path):
    assert history.read_samples(tmp_path) == []
    history.write_samples([], tmp_path)
    assert not list(tmp_path.iterdir())
    samples = [history.Sample(1, "thé\n"), history.Sample(2, "the")]
    history.write_samples(samples, tmp_path)
    assert history.read_samples(tmp_path) == samples
    (tmp_path / history.SAMPLES).write_text('[{"epoch": 1}]', encoding="utf-8")
    with pytest.raises(UserError, match=r"samples\.json is damaged: delete the model"):
        history.read_samples(tmp_path)


def test_damaged_steps_are_refused(tmp_path):
    (tmp_path / history.NORMS).write_bytes(b"torn")
    with pytest.raises(UserError, match=r"gradient-norms\.npy is damaged: delete the model"):
        history.read_norms(tmp_path)


@pytest.mark.parametrize(
    "content", ["", "epoch,tokens\n1,2\n", "epoch,tokens,train_loss,valid_loss\n"]
)
def test_damaged_is_refused(tmp_path, content):
    path = tmp_path / "a.csv"
    with pytest.raises(UserError, match="is missing: train the model first"):
        history.read_history(path)
    path.write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match="is damaged: delete it and train"):
        history.read_history(path)
