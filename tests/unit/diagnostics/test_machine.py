"""Checks of GPU, CUDA, processor and disk, and of versions against the lock file."""

import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from pipelines.diagnostics import machine, versions
from pipelines.diagnostics.results import Diagnostic

ROOT = Path(__file__).parents[3]
GPU = {"device_name": "A GPU", "compute_capability": (9, 0)}
BUILD = {"is_cuda_build": True, "cuda_version": "12.5.1", "cudnn_version": "9"}


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a program `nvidia-smi` that reports one GPU."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'A GPU, 550.54'\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


def set_devices(monkeypatch: pytest.MonkeyPatch, devices: list[dict[str, Any]]) -> None:
    """Make TensorFlow see these GPUs."""
    monkeypatch.setattr(machine, "_devices", lambda: devices)
    monkeypatch.setattr(machine, "_build_info", lambda: BUILD)


def test_no_gpu_is_ok(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(machine.environment, "cores", lambda: 1)
    set_devices(monkeypatch, [])
    assert machine.gpu() == Diagnostic("none; training uses 1 core")
    message = "TensorFlow was built for CUDA 12.5.1 and cuDNN 9; only a GPU needs them"
    assert machine.cuda() == Diagnostic(message)
    monkeypatch.setattr(machine, "_build_info", lambda: {"is_cuda_build": False})
    assert machine.cuda() == Diagnostic("TensorFlow was built without CUDA")


@pytest.mark.usefixtures("driver")
def test_gpus_and_their_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    set_devices(monkeypatch, [GPU, {"device_name": "Another"}])
    message = "A GPU (compute capability 9.0), Another; driver 550.54"
    assert machine.gpu() == Diagnostic(message)


@pytest.mark.usefixtures("driver")
def test_a_gpu_that_tensorflow_does_not_see_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    set_devices(monkeypatch, [])
    diagnostic = machine.gpu()
    assert diagnostic.status == "warning"
    assert diagnostic.message == "driver 550.54 reports A GPU, but TensorFlow sees no GPU"
    assert "requirements-gpu.lock" in str(diagnostic.fix)


@pytest.mark.parametrize(
    ("cudnn", "status", "end"),
    [
        ("9.28.0.42", "ok", "; installed: CUDA 12.9.79, cuDNN 9.28.0.42"),
        ("8.9.7", "warning", "; installed: CUDA 12.9.79, cuDNN 8.9.7"),
        (None, "ok", "; the system's own libraries are used"),
    ],
)
def test_cudnn_needs_the_major_version_of_tensorflows_build(
    monkeypatch: pytest.MonkeyPatch, cudnn: str | None, status: str, end: str
) -> None:
    set_devices(monkeypatch, [GPU])
    installed = {"nvidia-cuda-runtime-cu12": "12.9.79", "nvidia-cudnn-cu12": cudnn}
    monkeypatch.setattr(machine, "_installed_version", installed.get)
    diagnostic = machine.cuda()
    assert diagnostic.status == status
    assert diagnostic.message == f"TensorFlow was built for CUDA 12.5.1 and cuDNN 9{end}"


@pytest.mark.parametrize(("variable", "threads"), [("1", "1 thread"), ("0", "2 threads")])
def test_threads_follow_the_environment_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, threads: str
) -> None:
    monkeypatch.setattr(machine.environment, "cores", lambda: 2)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", variable)
    assert machine.processor().message.endswith(f", 2 cores, TensorFlow uses {threads}")


def test_every_check_of_this_machine_has_a_message(tmp_path: Path) -> None:
    for name, check in machine.checks(tmp_path).items():
        assert check().message, name


def test_the_lock_pins_every_package_for_this_interpreter() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert set(versions.PACKAGES) <= set(versions.pins(text))
    two_versions = (
        "one==1.0 ; python_full_version < '3.12' \\\none==2.0 ; python_full_version >= '3.12' \\\n"
    )
    assert versions.pins(two_versions + "    --hash=sha256:00\nb-c==3 \\\n") == {
        "one": "1.0",
        "b-c": "3",
    }


def test_versions_are_compared_with_the_lock_file() -> None:
    own = metadata.version("numpy")
    assert versions.package("numpy", own, "a.lock").message == f"{own}, as in a.lock"
    assert versions.package("numpy", None, "a.lock") == Diagnostic(own)
    other = versions.package("numpy", "0.1", "a.lock")
    assert (other.status, other.message) == ("warning", f"{own}, but a.lock has 0.1")
    missing = versions.package("no-such-package", "0.1", "a.lock")
    assert (missing.status, missing.message) == ("failed", "not installed")


def test_another_interpreter_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert versions.python().status == "ok"
    monkeypatch.setattr(sys, "version_info", (3, 12, 1))
    diagnostic = versions.python()
    assert diagnostic.status == "failed"
    assert diagnostic.message.endswith("seqproof needs 3.11")
