"""GPUs that are there, that are missed, and whose cuDNN is another; versions beside the lock."""

import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pipelines.proof import machine, versions

ROOT = Path(__file__).parents[3]
CARD = {"device_name": "A Card", "compute_capability": (9, 0)}
BUILT = {"is_cuda_build": True, "cuda_version": "12.5.1", "cudnn_version": "9"}


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A driver's tool that knows of one GPU."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'A Card, 550.54'\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def seen(monkeypatch: pytest.MonkeyPatch, devices: list[dict[str, Any]]) -> None:
    """TensorFlow sees these."""
    monkeypatch.setattr(machine, "_devices", lambda: devices)
    monkeypatch.setattr(machine, "_build", lambda: BUILT)


def test_no_gpu_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine.provenance, "cores", lambda: 1)
    seen(monkeypatch, [])
    assert machine.gpu() == machine.Finding("none; trains on 1 core")
    said = "TensorFlow is built for CUDA 12.5.1 and cuDNN 9; only a GPU needs them"
    assert machine.cuda() == machine.Finding(said)
    monkeypatch.setattr(machine, "_build", lambda: {"is_cuda_build": False})
    assert machine.cuda() == machine.Finding("TensorFlow is built without it")


@pytest.mark.usefixtures("driver")
def test_a_gpu_and_its_driver_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, [CARD, {"device_name": "Another"}])
    said = "A Card (compute capability 9.0), Another; driver 550.54"
    assert machine.gpu() == machine.Finding(said)


@pytest.mark.usefixtures("driver")
def test_a_gpu_that_tensorflow_does_not_see(monkeypatch: pytest.MonkeyPatch) -> None:
    seen(monkeypatch, [])
    found = machine.gpu()
    assert found.mark == "warning"
    assert found.found == "driver 550.54 has A Card, and TensorFlow sees none"
    assert "requirements-gpu.lock" in str(found.mend)


@pytest.mark.parametrize(
    ("cudnn", "mark", "end"),
    [
        ("9.28.0.42", "ok", "; found CUDA 12.9.79 and cuDNN 9.28.0.42"),
        ("8.9.7", "warning", "; found CUDA 12.9.79 and cuDNN 8.9.7"),
        (None, "ok", "; runs on the system's own"),
    ],
)
def test_cudnn_beside_the_one_that_tensorflow_was_built_for(
    monkeypatch: pytest.MonkeyPatch, cudnn: str | None, mark: str, end: str
) -> None:
    seen(monkeypatch, [CARD])
    installed = {"nvidia-cuda-runtime-cu12": "12.9.79", "nvidia-cudnn-cu12": cudnn}
    monkeypatch.setattr(machine, "_installed", installed.get)
    found = machine.cuda()
    assert found.mark == mark
    assert found.found == f"TensorFlow is built for CUDA 12.5.1 and cuDNN 9{end}"


@pytest.mark.parametrize(("asked", "threads"), [("1", "1 thread"), ("0", "2 threads")])
def test_threads_are_those_asked_for(
    monkeypatch: pytest.MonkeyPatch, asked: str, threads: str
) -> None:
    monkeypatch.setattr(machine.provenance, "cores", lambda: 2)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", asked)
    assert machine.processor().found.endswith(f", 2 cores, TensorFlow on {threads}")


def test_this_machine_says_something_of_everything(tmp_path: Path) -> None:
    for name, check in machine.checks(tmp_path).items():
        assert check().found, name


def test_the_lock_pins_every_package_for_this_interpreter() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    pins = versions.pins(text)
    assert set(versions.PACKAGES) <= set(pins)
    # The lock of this very environment: each package is there once, in the version that applies.
    assert {name: metadata.version(name) for name in ("numpy", "scipy", "networkx")}.items() <= (
        pins.items()
    )


@pytest.mark.parametrize(
    ("limit", "version"),
    [
        (platform.python_version(), "2.0"),
        ("3.99", "1.0"),
        ("3.9", "2.0"),  # lower than 3.11, if not as text
        ("3", "2.0"),
    ],
)
def test_of_a_package_that_stands_twice_the_version_whose_marker_applies_is_taken(
    limit: str, version: str
) -> None:
    assert versions.pins(twice(limit)) == {"a": version, "b-c": "3", "d": "5"}


def twice(limit: str) -> str:
    """A lock with a package for interpreters below a version, and for those from it on."""
    pins = (
        f"a==1.0 ; python_full_version < '{limit}'",
        f"a==2.0 ; python_full_version >= '{limit}'",
        "b-c==3",
        "d==4 ; sys_platform == 'no-such-system' and python_full_version >= '3'",
        "d==5 ; sys_platform != 'no-such-system' or python_full_version < '3'",
        "e==6 ; implementation_name == 'no-such-implementation'",
    )
    return "".join(f"{pin} \\\n    --hash=sha256:00\n    # via f\n" for pin in pins)


def test_versions_beside_what_is_pinned() -> None:
    own = metadata.version("numpy")
    assert versions.package("numpy", own, "a.lock").found == f"{own}, as in a.lock"
    assert versions.package("numpy", None, "a.lock") == versions.Finding(own)
    other = versions.package("numpy", "0.1", "a.lock")
    assert (other.mark, other.found) == ("warning", f"{own}, and a.lock has 0.1")
    missing = versions.package("no-such-package", "0.1", "a.lock")
    assert (missing.mark, missing.found) == ("failed", "not installed")


def test_this_interpreter_will_do() -> None:
    assert versions.python() == versions.Finding(platform.python_version())


@pytest.mark.parametrize(
    ("interpreter", "mark"),
    [
        ((3, 10, 13), "failed"),
        ((3, 11, 0), "ok"),
        ((3, 12, 1), "ok"),
        ((3, 13, 9), "ok"),
        ((3, 14, 0), "failed"),
        ((4, 12, 0), "failed"),
    ],
)
def test_an_interpreter_that_the_lock_pins_nothing_for_fails(
    monkeypatch: pytest.MonkeyPatch, interpreter: tuple[int, int, int], mark: str
) -> None:
    monkeypatch.setattr(sys, "version_info", interpreter)
    finding = versions.python()
    assert finding.mark == mark
    assert finding.found.endswith("and seqproof needs 3.11 to 3.13") == (mark == "failed")
    assert "PYTHON=/path/to/python3.11" in str(finding.mend) or mark == "ok"
