"""Losses and gradient norms of the steps, in files."""

import numpy as np
import pytest

from pipelines.errors import UserError
from pipelines.training import step_metrics


def test_write_and_read(tmp_path):
    losses, norms = np.array([2.5, 1.5]), np.array([0.25, 3.0])
    step_metrics.write_step_metrics(losses, norms, tmp_path)
    np.testing.assert_array_equal(step_metrics.read_losses(tmp_path), losses)
    np.testing.assert_array_equal(step_metrics.read_norms(tmp_path), norms)


def test_a_model_without_steps_has_no_files(tmp_path):
    step_metrics.write_step_metrics(None, None, tmp_path)
    assert not list(tmp_path.iterdir())
    assert len(step_metrics.read_norms(tmp_path)) == 0


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / step_metrics.NORMS).write_bytes(b"torn")
    with pytest.raises(UserError, match=r"gradient-norms\.npy is damaged"):
        step_metrics.read_norms(tmp_path)
