"""Outs of stages that were changed by hand: one sentence names the file."""

import pytest

from pipelines.data import parquet, profile
from pipelines.errors import UserError
from pipelines.evaluation import analysis
from pipelines.models import serialization
from pipelines.reporting import benchmark_results, data_checks
from pipelines.text import vocabulary
from pipelines.training import history, samples

DEEP = b"[" * 10**5
READERS = {
    "checks.json": data_checks.read,
    "profile.json": profile.read,
    "analysis.json": analysis.read_analysis,
    "metrics.json": lambda path: benchmark_results.read_metrics(path, "evaluate_lstm@x"),
    "vocabulary.json": vocabulary.load,
    "samples.json": lambda path: samples.read_samples(path.parent),
    "model.json": lambda path: serialization.load(path.parent),
    "history.csv": history.read_history,
    "train.parquet": parquet.read_parquet,
}
CASES = [
    ("checks.json", b'[{"frame": "x"}]'),
    ("checks.json", b'[{"frame": 1}]'),
    ("checks.json", b"{}"),
    ("checks.json", DEEP),
    ("profile.json", b"[]"),
    ("profile.json", b"{}"),
    ("profile.json", DEEP),
    ("analysis.json", b'{"lengths": []}'),
    ("analysis.json", DEEP),
    ("metrics.json", b"[]"),
    ("metrics.json", DEEP),
    ("vocabulary.json", b'{"columns": []}'),
    ("vocabulary.json", b'{"columns": {"text": 1}}'),
    ("vocabulary.json", DEEP),
    ("samples.json", b'[{"epoch": 1}]'),
    ("samples.json", b'{"epoch": 1}'),
    ("samples.json", DEEP),
    ("model.json", b'{"model": "ngram"}'),
    ("model.json", b"\xff"),
    ("model.json", DEEP),
    ("history.csv", b"\xff\xfe"),
    ("history.csv", b""),
    ("history.csv", b"a,b\n1\n"),
    ("train.parquet", b""),
    ("train.parquet", b"PAR1" + b"x" * 99 + b"PAR1"),
]


@pytest.mark.parametrize(("name", "content"), CASES)
def test_a_file_that_was_changed_is_named(name, content, tmp_path):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"(Delete|Run|train) ") as error:
        READERS[name](path)
    assert name.partition(".")[0] in str(error.value)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 500
