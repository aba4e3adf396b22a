"""With a GPU a thread prepares the next batches; nothing else changes."""

import threading
from contextlib import closing

import numpy as np
import pytest
import tensorflow as tf

from pipelines.training import prefetch
from pipelines.training.prefetch import AHEAD, batches_and_tensors
from tests.unit.training.test_trainer import Line, make_config, make_data, train

BATCHES = [(np.full((2, 2), n, np.float32), np.array([n, n + 1], np.float32)) for n in range(5)]


@pytest.fixture
def gpu(monkeypatch):
    """A GPU in name, whose memory is that of the CPU."""
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: ["gpu"])
    monkeypatch.setattr(prefetch, "DEVICE", "CPU:0")


class Source:
    """Batches, of which each notes the thread that read it."""

    def __init__(self, batches=BATCHES):
        self.batches, self.threads = batches, []

    def __iter__(self):
        for batch in self.batches:
            self.threads.append(threading.current_thread())
            yield batch


def test_on_a_cpu_each_batch_is_read_when_it_is_needed(monkeypatch):
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    source = Source()
    for number, (batch, tensors) in enumerate(batches_and_tensors(source), start=1):
        assert source.threads == [threading.current_thread()] * number
        assert batch is BATCHES[number - 1]
        np.testing.assert_array_equal(tensors[0], batch[0])


def test_for_a_gpu_a_thread_reads_the_next_batches_in_order(gpu):
    source = Source()
    seen = []
    for batch, tensors in batches_and_tensors(source):
        seen.append(batch)
        assert len(source.threads) <= len(seen) + AHEAD
        np.testing.assert_array_equal(tensors[1], batch[1])
    assert all(left is right for left, right in zip(seen, BATCHES, strict=True))
    (reader,) = set(source.threads)
    assert reader is not threading.current_thread()
    assert not reader.is_alive()


def test_only_int32_stays_in_the_memory_of_the_host(gpu, monkeypatch):
    copied = []
    identity = tf.identity
    monkeypatch.setattr(tf, "identity", lambda x: copied.append(x.dtype) or identity(x))
    batch = np.ones((2, 3), np.int32), (np.ones(3, np.float32), np.ones(3, np.int64))
    ((_, tensors),) = batches_and_tensors([batch])
    assert copied == [tf.float32, tf.int64]
    assert tensors[0].dtype == tf.int32


def test_an_error_while_reading_is_raised_in_its_place(gpu):
    def read():
        yield BATCHES[0]
        raise ValueError("damaged")

    batches = batches_and_tensors(read())
    assert next(batches)[0] is BATCHES[0]
    with pytest.raises(ValueError, match="damaged"):
        next(batches)


def test_the_thread_ends_when_the_reading_stops_earlier(gpu):
    source = Source()
    with closing(batches_and_tensors(source)) as batches:
        next(batches)
    assert not source.threads[0].is_alive()
    assert len(source.threads) <= 1 + AHEAD


def test_a_training_run_is_the_same_with_the_thread(gpu, monkeypatch):
    ahead = train(make_data(BATCHES), make_config(epochs=3), Line())
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind=None: [])
    alone = train(make_data(BATCHES), make_config(epochs=3), Line())
    np.testing.assert_array_equal(ahead[0], alone[0])
    assert ahead[1] == alone[1]
