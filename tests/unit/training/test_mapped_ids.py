"""Ids in memory-mapped files: the same as in memory, as views, in a file that leaves nothing."""

import errno
import gc
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.training import mapped_ids
from pipelines.training.mapped_ids import MappedStream, write_rows

IDS = st.lists(st.integers(0, 2**31 - 1), max_size=6).map(lambda ids: np.array(ids, np.int32))
ROWS = st.lists(st.tuples(IDS, IDS), max_size=40)


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(mapped_ids, "CHUNK_ROWS", 5)
    monkeypatch.setattr(mapped_ids, "CHUNK_IDS", 20)


def test_rows_streams_and_lengths_are_those_of_the_lists(small_chunks):
    @settings(max_examples=60)
    @given(ROWS, st.integers(0, 250), st.integers(0, 250))
    def check(rows, start, end):
        mapped = write_rows(iter(rows), 2)
        assert len(mapped) == len(rows)
        assert mapped.lengths(2).tolist() == [[len(a), len(b)] for a, b in rows]
        assert mapped.lengths(1).tolist() == [[len(a)] for a, _ in rows]
        for column in (0, 1):
            whole = [number for row in rows for number in row[column].tolist()]
            stream = mapped.stream(column) if rows else MappedStream([])
            assert len(stream) == len(whole)
            assert stream[start:end].tolist() == whole[start:end]
            for index in reversed(range(len(rows))):
                ids = mapped.read(index, column)
                assert ids.dtype == np.int32
                assert ids.tolist() == rows[index][column].tolist()
                place = mapped.place(index, column)
                assert whole[place : place + len(ids)] == ids.tolist()

    check()


def test_ids_are_views_of_the_file_and_not_writable(tmp_path, monkeypatch):
    mappings = []
    monkeypatch.setattr(
        mapped_ids.mmap,
        "mmap",
        lambda *args, original=mapped_ids.mmap.mmap, **options: (
            mappings.append(original(*args, **options)) or mappings[-1]
        ),
    )
    rows = [[np.arange(length, dtype=np.int32)] for length in (3, 0, 1000)]
    mapped = write_rows(rows, 1, tmp_path)
    (mapping,) = mappings
    first = np.frombuffer(mapping, np.uint8).ctypes.data
    ids = mapped.read(2, 0)
    assert first < ids.ctypes.data < first + len(mapping) - ids.nbytes
    with pytest.raises(ValueError, match="read-only"):
        ids[0] = 1


def test_the_file_has_no_name_and_lives_as_long_as_its_rows(tmp_path):
    mapped = write_rows([[np.arange(5, dtype=np.int32)]], 1, tmp_path)
    ids = mapped.read(0, 0)
    assert not list(tmp_path.iterdir())
    del mapped
    gc.collect()
    assert ids.tolist() == [0, 1, 2, 3, 4]


def test_a_full_disk_names_the_folder(tmp_path, monkeypatch):
    def write(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(mapped_ids, "_write", write)
    with pytest.raises(OSError, match="No space left") as failure:
        write_rows([], 1, tmp_path)
    assert failure.value.filename == str(tmp_path)


def test_memory_does_not_grow_with_the_rows(monkeypatch):
    monkeypatch.setattr(mapped_ids, "CHUNK_IDS", 10_000)

    def peak(count):
        """Write and read rows, and return the largest number of bytes in memory."""
        tracemalloc.start()
        mapped = write_rows(([np.full(100, row, np.int32)] for row in range(count)), 1)
        stream = mapped.stream(0)
        total = sum(int(stream[start : start + 100][0]) for start in range(0, len(stream), 100))
        bytes_in_memory = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == sum(range(count))
        return bytes_in_memory

    peak(10)  # the first call fills caches
    assert peak(20_000) - peak(1_000) < 100 * 4 * 20_000 / 50


def test_rows_that_differ_in_their_sequences_are_refused():
    ids = np.zeros(1, np.int32)
    with pytest.raises(ValueError, match="shorter"):
        write_rows([[ids, ids], [ids]], 2)
