"""What is kept is what was given; what is torn is noticed; what is old goes."""

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from pipelines import console
from pipelines.errors import UserError
from pipelines.training import checkpoints
from pipelines.training.checkpoints import Checkpoints, Snapshot

SAID = {"epoch": 2, "mean": [0.1, 3.0], "rows": [{"b": 1.5, "a": 2.0}]}


def snapshot(number, same=7.0):
    """One whose weights change and whose best weights do not."""
    model = [np.full((3, 2), number, np.float32), np.array(number, np.int64), np.zeros((0,))]
    groups = {"model": model, "best": [np.full(1000, same, np.float32)]}
    return Snapshot({**SAID, "steps": number}, groups)


@pytest.fixture
def kept(tmp_path):
    return Checkpoints(tmp_path, every=1)


def same(found, wanted):
    assert found is not None
    assert found.said == wanted.said
    assert list(found.said["rows"][0]) == ["b", "a"]  # the columns of a table, in their order
    assert found.groups.keys() == wanted.groups.keys()
    for name, arrays in wanted.groups.items():
        for mine, theirs in zip(found.groups[name], arrays, strict=True):
            assert mine.dtype == theirs.dtype
            np.testing.assert_array_equal(mine, theirs)


def test_the_newest_comes_back_as_it_was(kept):
    assert kept.newest() is None
    for step in (1, 2, 10):
        kept.write(step, snapshot(step))
    same(kept.newest(), snapshot(10))


def test_two_are_kept_and_nothing_else(kept, tmp_path):
    for step in range(1, 6):
        kept.write(step, snapshot(step))
    names = [path.name for path in tmp_path.iterdir()]
    assert sorted(name[:12] for name in names if name.endswith(".json")) == [
        f"{4:012}",
        f"{5:012}",
    ]
    # Two sets of weights, and once the best ones that both share.
    assert sum(name.endswith(".npys") for name in names) == 3
    assert len(names) == 5


def test_weights_that_stay_are_not_written_again(kept, tmp_path):
    kept.write(1, snapshot(1))
    before = {path: path.stat().st_ino for path in tmp_path.glob("*.npys")}
    kept.write(2, snapshot(2))
    assert sum(path.stat().st_ino == before.get(path) for path in tmp_path.glob("*.npys")) == 2


@pytest.mark.parametrize("ending", [".json", ".npys"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "gone"])
def test_a_torn_one_is_said_and_the_one_before_is_used(kept, tmp_path, monkeypatch, ending, damage):
    said = []
    monkeypatch.setattr(console, "echo", said.append)
    kept.write(1, snapshot(1))
    old = set(tmp_path.iterdir())
    kept.write(2, snapshot(2))
    (torn,) = (path for path in set(tmp_path.iterdir()) - old if path.suffix == ending)
    content = bytearray(torn.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "cut": lambda: torn.write_bytes(torn.read_bytes()[:-1]),
        "flipped": lambda: torn.write_bytes(content),
        "gone": torn.unlink,
    }[damage]()
    same(kept.newest(), snapshot(1))
    if (ending, damage) != (".json", "gone"):
        assert said == ["The checkpoint of step 2 is damaged and taken away."]


def test_what_is_no_checkpoint_of_ours_disturbs_nothing(kept, tmp_path):
    kept.write(1, snapshot(1))
    (tmp_path / "hello.json").write_text("hi", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "attempt").write_text("a'b", encoding="utf-8")
    same(kept.newest(), snapshot(1))
    assert len(kept.attempt) == 32
    kept.write(2, snapshot(2))
    same(kept.newest(), snapshot(2))
    (tmp_path / "folder").mkdir()
    kept.clear()
    assert list(tmp_path.iterdir()) == []


def test_a_torn_one_of_a_later_step_is_never_kept_instead_of_a_new_one(kept, tmp_path):
    for step in (8, 9):
        kept.write(step, snapshot(step))
    for path in tmp_path.glob("*.npys"):
        path.write_bytes(path.read_bytes()[:-1])
    assert kept.newest() is None
    for step in (1, 2, 3):
        kept.write(step, snapshot(step))  # with arrays that a torn file has the name of
        same(kept.newest(), snapshot(step))


def test_one_that_cannot_be_read_now_is_not_lost(kept, tmp_path, monkeypatch):
    kept.write(1, snapshot(1))
    kept.write(2, snapshot(2))
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    real = Path.read_bytes

    def ill(path):
        if path.name.startswith(f"{2:012}"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", ill)
        same(kept.newest(), snapshot(1))
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
    same(kept.newest(), snapshot(2))


def test_where_all_are_torn_there_is_none(kept, tmp_path):
    kept.write(1, snapshot(1))
    for path in tmp_path.glob("*.npys"):
        path.write_bytes(b"")
    assert kept.newest() is None


def test_a_full_disk_leaves_what_was_there(kept, tmp_path, monkeypatch):
    kept.write(1, snapshot(1))
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(handle):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        kept.write(2, snapshot(2))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_only_one_process_is_at_a_training(tmp_path):
    with checkpoints.opened(tmp_path, "train_lstm@x", "key", 1):
        with (
            pytest.raises(UserError, match="Another process is at this very training"),
            checkpoints.opened(tmp_path, "train_lstm@x", "key", 1),
        ):
            pass
        with checkpoints.opened(tmp_path, "train_lstm@x", "another", 1):
            pass


def test_another_key_finds_nothing_and_fresh_forgets(tmp_path):
    def at(key, fresh=False):
        return checkpoints.opened(tmp_path, "train_lstm@x", key, 1, fresh)

    with at("one") as kept:
        kept.write(1, snapshot(1))
        attempt = kept.attempt
    with at("two") as kept:
        assert kept.newest() is None
    with at("one") as kept:
        same(kept.newest(), snapshot(1))
        assert kept.attempt == attempt
    with at("one", fresh=True) as kept:
        assert kept.newest() is None
        assert kept.attempt != attempt


def test_what_is_done_leaves_no_folder_and_few_unfinished_ones_stay(tmp_path):
    stage = tmp_path / ".seqproof" / "checkpoints" / "train_lstm@x"
    for number in range(6):
        with checkpoints.opened(tmp_path, "train_lstm@x", f"key-{number}", 1) as kept:
            kept.write(1, snapshot(number))
        os.utime(stage / f"key-{number}", (number, number))
    assert len(list(stage.iterdir())) == checkpoints.UNFINISHED
    with checkpoints.opened(tmp_path, "train_lstm@x", "key-5", 1) as kept:
        kept.clear()
    assert not (stage / "key-5").exists()


def test_the_folder_names_the_stage_and_the_key(tmp_path):
    with checkpoints.opened(tmp_path, "train_lstm@x", "key", 1) as kept:
        assert kept.folder == Path(tmp_path, ".seqproof", "checkpoints", "train_lstm@x", "key")
