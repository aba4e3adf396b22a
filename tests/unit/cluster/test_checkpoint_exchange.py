"""A training goes on from the checkpoint that another machine has uploaded."""

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pipelines.cluster.checkpoint_exchange import (
    MANIFEST,
    CheckpointExchange,
    discard,
    newest_files,
)
from pipelines.lineage import dvc_project
from pipelines.lineage.project_copy import EXCHANGE
from pipelines.lineage.remote_folder import RemoteFolder
from pipelines.training.checkpoints import Checkpoint, CheckpointManager
from tests.unit.cluster.http_remote import make_server

KEY = "checkpoints/train/key"


@pytest.fixture
def storage(tmp_path: Path) -> Path:
    """The folder in which the remote keeps its files."""
    (tmp_path / "storage").mkdir()
    return tmp_path / "storage"


@pytest.fixture(params=["folder", "http"])
def remote(request: pytest.FixtureRequest, tmp_path: Path, storage: Path) -> Iterator[RemoteFolder]:
    """A folder of a project's DVC remote."""
    root = tmp_path / "project"
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    dvc_project.initialise(root)
    server = make_server(storage)
    url = f"http://127.0.0.1:{server.server_port}" if request.param == "http" else str(storage)
    (root / ".dvc" / "config").write_text(
        f"[core]\nremote = here\n['remote \"here\"']\nurl = {url}\n"
        + ("method = PUT\n" if request.param == "http" else "")
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    with dvc_project.open_project(root) as repo:
        yield RemoteFolder(repo, KEY)
    server.shutdown()
    thread.join()
    server.server_close()


def train(folder: Path, *steps: int) -> CheckpointManager:
    """Write checkpoints as a training does."""
    folder.mkdir(parents=True, exist_ok=True)
    manager = CheckpointManager(folder, 1)
    assert manager.attempt
    for step in steps:
        arrays = {"model": [np.full(5, step)], "constant": [np.zeros(3)]}
        manager.save(step, Checkpoint({"step": step}, arrays))
    return manager


def latest_step(folder: Path) -> object:
    """Return the step of the latest intact checkpoint."""
    checkpoint = CheckpointManager(folder, 1).latest()
    return None if checkpoint is None else checkpoint.metadata["step"]


def folders(root: Path, *names: str) -> list[Path]:
    """Return the folder of the checkpoints on each machine."""
    return [root / name / "train" / "key" for name in names]


def names(folder: Path) -> set[str]:
    """Return the names of the files in a folder."""
    return {file.name for file in folder.iterdir()}


def test_another_machine_goes_on_from_the_newest_checkpoint(tmp_path, remote):
    first, second = folders(tmp_path, "first", "second")
    exchange = CheckpointExchange(first, remote)
    with exchange.open(3600):
        manager = train(first, 1, 2)
        exchange.upload()
        train(first, 3)
    with CheckpointExchange(second, remote).open(3600):
        assert latest_step(second) == 3
        assert CheckpointManager(second, 1).attempt == manager.attempt


def test_checkpoints_are_uploaded_while_the_training_runs(tmp_path, remote):
    first, second = folders(tmp_path, "first", "second")
    with CheckpointExchange(first, remote).open(0.01):
        train(first, 1)
        while not newest_files(second):  # as long as it takes
            CheckpointExchange(second, remote).download()
            time.sleep(0.01)
    assert latest_step(second) == 1


@pytest.mark.parametrize("remote", ["folder"], indirect=True)
def test_the_remote_has_one_checkpoint_and_nothing_in_the_end(tmp_path, storage, remote):
    first, second = folders(tmp_path, "first", "second")
    exchange = CheckpointExchange(first, remote)
    for step in (1, 2, 3):
        train(first, step)
        exchange.upload()
    assert len(names(storage / KEY)) == 5  # two arrays, the index, the attempt, the manifest
    successor = CheckpointExchange(second, remote)
    with successor.open(3600):
        train(second, 4)
    assert len(names(storage / KEY)) == 5
    CheckpointManager(second, 1).clear()
    with pytest.raises(ConnectionError), successor.open(3600):
        raise ConnectionError("the outs cannot be pushed")
    assert len(names(storage / KEY)) == 5
    with successor.open(3600):
        CheckpointManager(second, 1).clear()  # the training has finished
    assert names(storage / KEY) == set()


@pytest.mark.parametrize("remote", ["http"], indirect=True)
def test_a_remote_that_cannot_remove_files_keeps_them_empty(tmp_path, storage, remote):
    first, second = folders(tmp_path, "first", "second")
    with CheckpointExchange(first, remote).open(3600):
        train(first, 1)
        CheckpointExchange(first, remote).upload()
        train(first, 2)
    files = list((storage / KEY).iterdir())
    assert sum(file.stat().st_size > 0 for file in files) == 5
    discard(tmp_path / "project", "train", ["key"])
    assert sum(file.stat().st_size for file in files) == 0
    with CheckpointExchange(second, remote).open(3600):
        assert newest_files(second) == []
        train(second, 3)
    assert sum(file.stat().st_size > 0 for file in files) >= 2
    CheckpointExchange(first, remote).upload()  # of an earlier step
    assert json.loads((storage / KEY / MANIFEST).read_text())["checkpoint"][-1].startswith(
        f"{3:012}"
    )


def test_checkpoints_of_the_common_disk_are_discarded(tmp_path, remote):
    folder = tmp_path / "project" / EXCHANGE / KEY
    train(folder, 1)
    discard(tmp_path / "project", "train", ["other", "key"])
    assert not folder.exists()


@pytest.mark.parametrize("remote", ["folder"], indirect=True)
@pytest.mark.parametrize("uploads", range(5))
def test_a_worker_that_dies_during_an_upload_leaves_the_earlier_one(
    tmp_path, storage, remote, uploads, monkeypatch
):
    """Four files are uploaded: the manifest, arrays and their index, and the manifest again."""
    first, second = folders(tmp_path, "first", "second")
    exchange = CheckpointExchange(first, remote)
    train(first, 1)
    exchange.upload()
    train(first, 2)
    upload, done = remote.upload, []

    def die(source: Path, name: str) -> None:
        if len(done) == uploads:
            raise KeyboardInterrupt
        done.append(name)
        upload(source, name)

    monkeypatch.setattr(remote, "upload", die)
    monkeypatch.setattr(remote, "remove", lambda names: None)
    if uploads < 4:
        with pytest.raises(KeyboardInterrupt):
            exchange.upload()
    else:
        exchange.upload()
    monkeypatch.undo()
    successor = CheckpointExchange(second, remote)
    with successor.open(3600):
        assert latest_step(second) == (1 if uploads < 4 else 2)
    successor.clear()
    assert names(storage / KEY) == set()


def test_a_newer_checkpoint_of_another_machine_stays(tmp_path, remote):
    """A machine that has lost its connection may still upload."""
    first, second, third = folders(tmp_path, "first", "second", "third")
    train(first, 1)
    late = CheckpointExchange(first, remote)
    late.upload()
    train(first, 2)
    with CheckpointExchange(second, remote).open(3600):
        train(second, 3)
    late.upload()
    CheckpointExchange(third, remote).download()
    assert latest_step(third) == 3


def test_a_training_may_remove_a_checkpoint_while_it_is_uploaded(
    tmp_path, storage, remote, monkeypatch, capsys
):
    (first,) = folders(tmp_path, "first")
    upload = remote.upload

    def remove_and_upload(source: Path, name: str) -> None:
        if name.endswith(".npys"):
            CheckpointManager(first, 1).clear()
        upload(source, name)

    monkeypatch.setattr(remote, "upload", remove_and_upload)
    with CheckpointExchange(first, remote).open(3600):
        train(first, 1)
    assert capsys.readouterr().err == ""
    assert not any(file.stat().st_size for file in (storage / KEY).iterdir())


def test_errors_are_reported_once_without_passwords(tmp_path, remote, monkeypatch, capsys):
    (first,) = folders(tmp_path, "first")

    def fail(*arguments: object) -> None:
        raise ConnectionError("cannot connect to https://me:secret@host/bucket")

    monkeypatch.setattr(remote, "read", fail)
    monkeypatch.setattr(remote, "upload", fail)
    exchange = CheckpointExchange(first, remote)
    with exchange.open(0.01):
        train(first, 1)
        time.sleep(0.1)
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "https://host/bucket" in error
    assert "secret" not in error
    monkeypatch.undo()
    exchange.upload()  # it goes on when the remote answers again
    assert remote.read(MANIFEST)


@pytest.mark.parametrize("remote", ["folder"], indirect=True)
def test_an_error_in_between_leaves_no_checkpoint(tmp_path, storage, remote, monkeypatch, capsys):
    (first,) = folders(tmp_path, "first")
    exchange = CheckpointExchange(first, remote)
    with exchange.open(3600):
        train(first, 1)
        exchange.upload()
        with monkeypatch.context() as patch:
            patch.setattr(remote, "read", lambda name: b"{")
            train(first, 2)
            exchange._try(exchange.upload)
        assert "could not be exchanged" in capsys.readouterr().err
        CheckpointManager(first, 1).clear()
    assert names(storage / KEY) == set()


def test_a_checkpoint_that_is_not_complete_is_not_uploaded(tmp_path):
    (folder,) = folders(tmp_path, "first")
    assert newest_files(folder) == []
    train(folder, 1, 2)
    *_, index = names_in_order = newest_files(folder)
    assert index.startswith(f"{2:012}")
    for name in names_in_order:
        if name.endswith(".npys"):
            (folder / name).unlink()
            break
    assert newest_files(folder) == [] or newest_files(folder)[-1].startswith(f"{1:012}")
    (folder / index).write_text("{")
    assert index not in newest_files(folder)
