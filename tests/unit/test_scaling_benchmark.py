"""Benchmark of several workers: its model, and the tables that docs/scale.md has of it."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _benchmarks(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")


def test_a_ring_sends_each_worker_two_messages_for_each_other():
    import scaling_model

    link = scaling_model.Link(latency=0.001, bandwidth=1e6)
    assert scaling_model.ring_seconds(1e6, 1, link) == 0
    assert scaling_model.ring_seconds(1e6, 2, link) == pytest.approx(2 * 0.001 + 1)
    assert scaling_model.ring_seconds(1e6, 4, link) == pytest.approx(6 * 0.001 + 1.5)


def test_links_and_computations_are_recovered_from_what_they_take():
    import scaling_model

    link = scaling_model.Link(latency=0.0005, bandwidth=4e8)
    sums = [
        (n, size, scaling_model.ring_seconds(size, n, link)) for n in (2, 8) for size in (4, 10**7)
    ]
    fitted = scaling_model.fit_link(sums)
    assert (fitted.latency, fitted.bandwidth) == pytest.approx((link.latency, link.bandwidth))
    computation = scaling_model.Computation(fixed=0.02, per_row=0.003)
    steps = [(rows, computation.seconds(rows)) for rows in (16, 32, 64)]
    fitted = scaling_model.fit_computation(steps)
    assert (fitted.fixed, fitted.per_row) == pytest.approx((0.02, 0.003))


def test_the_number_of_weights_is_that_of_the_models():
    """Counted by Keras."""
    import scaling_model
    import shapes

    counts = {
        name: scaling_model.parameters(shapes.SHAPES[name])
        for name in ("characters, LSTM 256", "words, LSTM 2x650")
    }
    assert counts == {"characters, LSTM 256": 355_668, "words, LSTM 2x650": 19_775_200}


def test_the_bytes_that_are_sent_are_those_of_the_ids_of_a_batch():
    import numpy as np
    import scaling_model
    import shapes

    for name in ("sentences, LSTM 128", "words, LSTM 2x200"):
        shape = shapes.SHAPES[name]
        rows = shape.entry["batch_size"]
        counts = [len(np.unique(ids)) for ids, _ in shapes.make_batches(shape, 100)]
        used = scaling_model.used_rows(shape, rows)
        assert used == pytest.approx(np.mean(counts), rel=0.05)
        unsent = 4 * scaling_model.parameters(shape) - scaling_model.sent_bytes(shape, rows)
        assert unsent == pytest.approx(4 * (10_000 - used) * shape.entry["embedding"])


def test_the_tables_of_the_page_are_those_of_the_measurements(monkeypatch, tmp_path):
    import scaling_page

    text = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    page = tmp_path / "scale.md"
    page.write_text(text, encoding="utf-8")
    monkeypatch.setattr(scaling_page, "PAGE", page)
    monkeypatch.setattr(scaling_page, "PICTURE", tmp_path / "scaling.svg")
    rows = json.loads((ROOT / "benchmarks" / "scaling.json").read_text(encoding="utf-8"))
    scaling_page.write(rows)
    assert page.read_text(encoding="utf-8") == text
    assert "stroke-dasharray" in (tmp_path / "scaling.svg").read_text(encoding="utf-8")
