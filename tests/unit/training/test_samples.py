"""Samples of a model's output, in a file."""

import pytest

from pipelines.errors import UserError
from pipelines.training.samples import SAMPLES, Sample, read_samples, write_samples


def test_write_and_read(tmp_path):
    assert read_samples(tmp_path) == []
    write_samples([], tmp_path)
    assert not list(tmp_path.iterdir())
    samples = [Sample(1, "thé\n"), Sample(2, "the")]
    write_samples(samples, tmp_path)
    assert read_samples(tmp_path) == samples


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / SAMPLES).write_text('[{"epoch": 1}]', encoding="utf-8")
    with pytest.raises(UserError, match=r"samples\.json is damaged"):
        read_samples(tmp_path)
