"""Checkpoints are restored exactly, damage is noticed, and old ones are removed."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from pipelines import console
from pipelines.errors import UserError
from pipelines.training.checkpoints import (
    MAX_UNFINISHED,
    Checkpoint,
    CheckpointManager,
    open_checkpoints,
)

METADATA = {"epoch": 2, "mean": [0.1, 3.0], "rows": [{"b": 1.5, "a": 2.0}]}


def make_checkpoint(step):
    """A checkpoint whose weights change with the step and whose best weights do not."""
    model = [np.full((3, 2), step, np.float32), np.array(step, np.int64), np.zeros((0,))]
    arrays = {"model": model, "best": [np.full(1000, 7.0, np.float32)]}
    return Checkpoint({**METADATA, "steps": step}, arrays)


@pytest.fixture
def manager(tmp_path):
    return CheckpointManager(tmp_path, interval=1)


def assert_equal(checkpoint, expected):
    assert checkpoint is not None
    assert checkpoint.metadata == expected.metadata
    assert list(checkpoint.metadata["rows"][0]) == ["b", "a"]  # columns keep their order
    assert checkpoint.arrays.keys() == expected.arrays.keys()
    for name, expected_arrays in expected.arrays.items():
        pairs = zip(checkpoint.arrays[name], expected_arrays, strict=True)
        for array, expected_array in pairs:
            assert array.dtype == expected_array.dtype
            np.testing.assert_array_equal(array, expected_array)


def read_folder(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_latest_checkpoint_is_restored_exactly(manager):
    assert manager.latest() is None
    assert not manager.can_resume
    for step in (1, 2, 10):
        manager.save(step, make_checkpoint(step))
    assert manager.can_resume
    assert_equal(manager.latest(), make_checkpoint(10))


def test_only_two_checkpoints_are_kept(manager, tmp_path):
    for step in range(1, 6):
        manager.save(step, make_checkpoint(step))
    names = [path.name for path in tmp_path.iterdir()]
    steps = sorted(name[:12] for name in names if name.endswith(".json"))
    assert steps == [f"{4:012}", f"{5:012}"]
    # Two sets of weights, and the best weights that both share.
    assert sum(name.endswith(".npys") for name in names) == 3
    assert len(names) == 5


def test_unchanged_weights_are_not_written_again(manager, tmp_path):
    manager.save(1, make_checkpoint(1))
    inodes = {path: path.stat().st_ino for path in tmp_path.glob("*.npys")}
    manager.save(2, make_checkpoint(2))
    assert sum(path.stat().st_ino == inodes.get(path) for path in tmp_path.glob("*.npys")) == 2


@pytest.mark.parametrize("suffix", [".json", ".npys"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "deleted"])
def test_a_damaged_checkpoint_is_reported_and_the_one_before_is_used(
    manager, tmp_path, monkeypatch, suffix, damage
):
    messages = []
    monkeypatch.setattr(console, "echo", messages.append)
    manager.save(1, make_checkpoint(1))
    old_files = set(tmp_path.iterdir())
    manager.save(2, make_checkpoint(2))
    (file,) = (path for path in set(tmp_path.iterdir()) - old_files if path.suffix == suffix)
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "cut": lambda: file.write_bytes(file.read_bytes()[:-1]),
        "flipped": lambda: file.write_bytes(content),
        "deleted": file.unlink,
    }[damage]()
    assert_equal(manager.latest(), make_checkpoint(1))
    if (suffix, damage) != (".json", "deleted"):
        (message,) = messages
        assert "step 2" in message


def test_foreign_files_are_ignored(manager, tmp_path):
    manager.save(1, make_checkpoint(1))
    (tmp_path / "hello.json").write_text("hi", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "attempt").write_text("a'b", encoding="utf-8")
    assert_equal(manager.latest(), make_checkpoint(1))
    assert len(manager.attempt) == 32
    manager.save(2, make_checkpoint(2))
    assert_equal(manager.latest(), make_checkpoint(2))
    (tmp_path / "folder").mkdir()
    manager.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_checkpoint_of_a_later_step_never_replaces_a_new_one(manager, tmp_path):
    for step in (8, 9):
        manager.save(step, make_checkpoint(step))
    for path in tmp_path.glob("*.npys"):
        path.write_bytes(path.read_bytes()[:-1])
    assert manager.latest() is None
    for step in (1, 2, 3):
        manager.save(step, make_checkpoint(step))  # with arrays named like a torn file
        assert_equal(manager.latest(), make_checkpoint(step))


def test_an_unreadable_checkpoint_is_not_deleted(manager, tmp_path, monkeypatch):
    manager.save(1, make_checkpoint(1))
    manager.save(2, make_checkpoint(2))
    content = read_folder(tmp_path)
    read_bytes = Path.read_bytes

    def fail_for_step_2(path):
        if path.name.startswith(f"{2:012}"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read_bytes(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", fail_for_step_2)
        assert_equal(manager.latest(), make_checkpoint(1))
    assert read_folder(tmp_path) == content
    assert_equal(manager.latest(), make_checkpoint(2))


def test_latest_is_none_if_all_checkpoints_are_damaged(manager, tmp_path):
    manager.save(1, make_checkpoint(1))
    for path in tmp_path.glob("*.npys"):
        path.write_bytes(b"")
    assert manager.latest() is None


def test_a_full_disk_leaves_the_earlier_checkpoint(manager, tmp_path, monkeypatch):
    manager.save(1, make_checkpoint(1))
    content = read_folder(tmp_path)

    def fail(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        manager.save(2, make_checkpoint(2))
    assert read_folder(tmp_path) == content


def test_only_one_process_runs_a_training(tmp_path):
    with open_checkpoints(tmp_path, "train_lstm@x", "key", 1):
        with (
            pytest.raises(UserError, match="train_lstm@x"),
            open_checkpoints(tmp_path, "train_lstm@x", "key", 1),
        ):
            pass
        with open_checkpoints(tmp_path, "train_lstm@x", "another", 1):
            pass


def test_another_key_has_no_checkpoint_and_fresh_removes_it(tmp_path):
    def open_key(key, fresh=False):
        return open_checkpoints(tmp_path, "train_lstm@x", key, 1, fresh)

    with open_key("a") as manager:
        manager.save(1, make_checkpoint(1))
        attempt = manager.attempt
    with open_key("b") as manager:
        assert manager.latest() is None
    with open_key("a") as manager:
        assert_equal(manager.latest(), make_checkpoint(1))
        assert manager.attempt == attempt
    with open_key("a", fresh=True) as manager:
        assert manager.latest() is None
        assert manager.attempt != attempt


def test_finished_trainings_and_old_unfinished_ones_are_removed(tmp_path):
    stage = tmp_path / ".seqproof" / "checkpoints" / "train_lstm@x"
    for number in range(MAX_UNFINISHED + 3):
        with open_checkpoints(tmp_path, "train_lstm@x", f"key-{number}", 1) as manager:
            manager.save(1, make_checkpoint(number))
        os.utime(stage / f"key-{number}", (number, number))
    assert len(list(stage.iterdir())) == MAX_UNFINISHED
    with open_checkpoints(tmp_path, "train_lstm@x", f"key-{number}", 1) as manager:
        manager.clear()
    assert not (stage / f"key-{number}").exists()


def test_the_folder_is_named_by_stage_and_key(tmp_path):
    with open_checkpoints(tmp_path, "train_lstm@x", "key", 1) as manager:
        assert manager.folder == Path(tmp_path, ".seqproof", "checkpoints", "train_lstm@x", "key")
