"""Atomic writes: a path has its old content or the new one, never a part."""

import errno
import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines import files

ROOT = Path(__file__).parents[2]
# Works on a folder until it is killed.
WORKS = """
import signal, sys
from pathlib import Path
from pipelines import files
with files.work_folder(Path(sys.argv[1])) as folder:
    (folder / "part").write_text("x", encoding="utf-8")
    print("works", flush=True)
    signal.pause()
"""


def test_an_array_has_numpys_format(tmp_path):
    arrays = [np.arange(12.0).reshape(3, 4).T, np.zeros((0, 2), np.int8), np.array(True)]
    with (tmp_path / "arrays").open("wb") as file:
        for array in arrays:
            files.write_array(array, file)
    expected = b""
    for array in arrays:
        np.save(tmp_path / "array.npy", array)
        expected += (tmp_path / "array.npy").read_bytes()
    assert (tmp_path / "arrays").read_bytes() == expected


def test_an_array_that_does_not_fit_names_the_reason(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))  # fails as a full disk does
    try:
        with (
            pytest.raises(OSError, match=os.strerror(errno.EFBIG)),
            (tmp_path / "array").open("wb") as file,
        ):
            files.write_array(np.zeros(2**18), file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_json_is_sorted_and_has_no_nan():
    assert json.loads(files.dump_json({"b": 1, "a": "é"})) == {"a": "é", "b": 1}
    assert files.dump_json({"b": 1, "a": 2}) == '{\n "a": 2,\n "b": 1\n}\n'
    with pytest.raises(ValueError, match="JSON"):
        files.dump_json({"a": float("nan")})


def test_json_is_written_as_dumped(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.json"
    files.write_json(path, {"b": [1, 2.5], "a": None})
    assert path.read_bytes() == files.dump_json({"a": None, "b": [1, 2.5]}).encode()


def test_a_failed_write_keeps_the_old_content(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    files.write_text(path, "old\n")

    def fail() -> None:
        with files.atomic_write(path) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text(encoding="utf-8") == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with files.atomic_write(path) as temporary:
            temporary.mkdir()
            (temporary / name).touch()
    assert [file.name for file in path.iterdir()] == ["new"]


def test_a_work_folder_disappears(tmp_path: Path) -> None:
    target = tmp_path / "new" / "a"
    with files.work_folder(target) as folder:
        assert folder.parent == target.parent
        (folder / "part").mkdir()
    assert list(target.parent.iterdir()) == []


def test_work_folders_of_killed_processes_disappear_and_those_of_others_stay(
    tmp_path: Path,
) -> None:
    target = tmp_path / "a"
    command = [sys.executable, "-c", WORKS, str(target)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "works\n"
            leftover = next(tmp_path.iterdir())
            with files.work_folder(target):
                assert leftover.is_dir(), "its process works on it"
        finally:
            process.kill()
    assert leftover.is_dir()
    with files.work_folder(tmp_path / "a.b"):
        assert leftover.is_dir(), "it belongs to another target"
    with files.work_folder(target) as folder:
        assert list(tmp_path.iterdir()) == [folder]


@pytest.mark.parametrize("context", [files.atomic_write, files.work_folder])
def test_a_full_disk_names_the_target(context, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as error, context(tmp_path / "a"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert error.value.filename == str(tmp_path / "a")
    with pytest.raises(OSError, match="denied") as error, context(tmp_path / "a") as temporary:
        raise OSError(errno.EACCES, "denied", str(temporary))
    assert error.value.filename == str(temporary)


@pytest.mark.parametrize("content", [b"{", b"\xff", b"[" * 10**5, b'{"a": "x"}', b"[1]", b""])
def test_json_of_other_types_is_a_value_error(tmp_path, content):
    (tmp_path / "a.json").write_bytes(b'{"a": 1}')
    assert files.read_json(tmp_path / "a.json", dict[str, int]) == {"a": 1}
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(ValueError, match="validation error"):
        files.read_json(tmp_path / "a.json", dict[str, int])
