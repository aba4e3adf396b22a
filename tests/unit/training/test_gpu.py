"""With a GPU: cuDNN wherever a model can use it, and no XLA around it."""

from pathlib import Path

import pytest
import tensorflow as tf

from pipelines.layers.recurrent import Recurrent
from pipelines.models import serialization
from pipelines.training import device, prefetch

TEXT = tf.constant([[4, 5, 6, 7], [7, 6, 5, 4]])


@pytest.fixture
def runs(monkeypatch):
    """A GPU in name; the kernel of each run of a recurrent layer. The CPU stands in for cuDNN."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["gpu"])
    details = {"device_name": "Test GPU"}
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda gpu: details)
    monkeypatch.setattr(prefetch, "DEVICE", "CPU:0")
    kernels = []
    fused, step_fn = Recurrent._fused, Recurrent.step_fn

    def record(name, function):
        return lambda layer, *args: kernels.append(name) or function(layer, *args)

    monkeypatch.setattr(Recurrent, "_cudnn", record("cudnn", fused))
    monkeypatch.setattr(Recurrent, "_fused", record("fused", fused))
    monkeypatch.setattr(Recurrent, "step_fn", record("steps", step_fn))
    return kernels


@pytest.mark.parametrize(
    ("kind", "changes", "kernels", "description"),
    [
        ("language_model", {"cell": "lstm", "weight_drop": 0.5}, {"cudnn"}, "cudnn"),
        ("language_model", {"cell": "gru"}, {"cudnn"}, "cudnn"),
        ("language_model", {"cell": "irnn"}, {"fused"}, "fused"),
        ("classifier", {"cell": "lstm", "bidirectional": True}, {"cudnn"}, "cudnn"),
        ("tagger", {"cell": "lstm", "layers": 2}, {"cudnn"}, "cudnn"),
        ("seq2seq", {"cell": "lstm", "attention": "additive"}, {"cudnn"}, "cudnn"),
        (
            "seq2seq",
            {"cell": "lstm", "attention": "additive", "input_feeding": True},
            {"cudnn", "steps"},
            "cudnn, decoder by steps",
        ),
    ],
)
def test_models_use_cudnn_wherever_it_has_their_cell(
    runs, make, kind, changes, kernels, description
):
    config = make.config(kind, **changes)
    network = serialization.build(config, make.vocabularies(kind))
    runs.clear()
    network(*[TEXT] * (2 if kind == "seq2seq" else 1), training=True)
    assert set(runs) == kernels
    described = device.describe(config)
    assert (described["device"], described["kernel"]) == ("Test GPU", description)


@pytest.fixture
def benchmark(monkeypatch):
    """benchmarks/gpu.py with one small model; its table is written into `tables`."""
    monkeypatch.syspath_prepend(Path(__file__).resolve().parents[3] / "benchmarks")
    import gpu
    import shapes

    sizes = {"embedding": 3, "units": 4, "layers": 1, "batch_size": 2, "bptt_steps": 5}
    entry = {"model": "language_model", "cell": "lstm", "dropout": 0.0, **sizes}
    monkeypatch.setattr(gpu.shapes, "SHAPES", {"small": shapes.Shape(entry, 9, (5,))})
    monkeypatch.setattr("sys.argv", ["gpu.py", "--rounds", "1", "--batches", "3"])
    monkeypatch.setattr(gpu, "tables", [], raising=False)
    monkeypatch.setattr(gpu.page, "write", lambda *table: gpu.tables.append(table))
    return gpu


def test_the_benchmark_measures_speed_kernels_and_equality(runs, benchmark):
    benchmark.main()
    ((name, head, (row,)),) = benchmark.tables
    assert (name, head[0], len(row)) == ("gpu", "Test GPU: model", len(head))
    speed, bfloat16, waits, kernel, equality = row[1:]
    assert float(speed.replace(",", "")) > 0
    assert float(bfloat16.replace(",", "")) > 0
    assert waits.endswith("%")
    assert (kernel, equality) == ("cudnn (0 cuDNN operations)", "equal")
    assert "cudnn" in runs


def test_the_benchmark_says_that_it_was_not_run_without_a_gpu(monkeypatch, benchmark):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    with pytest.raises(SystemExit, match="Not run: no GPU on this machine"):
        benchmark.main()
    assert benchmark.tables == []
