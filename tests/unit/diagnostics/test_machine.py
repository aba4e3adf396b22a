"""Checks of GPU, CUDA, processor and disk, and of versions against the lock file."""

import platform
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from pipelines.diagnostics import machine, versions
from pipelines.diagnostics.diagnostic import Diagnostic

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
    # Another test may have set the number of threads.
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 0)
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", variable)
    assert f", 2 cores, TensorFlow uses {threads}, oneDNN uses " in machine.processor().message


def test_the_processor_is_shown_with_instructions_and_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine.environment, "processor", lambda: "AMD EPYC")
    monkeypatch.setattr(machine.environment, "processor_model", lambda: "AMD, family 25, model 1")
    monkeypatch.setattr(machine.environment, "instruction_sets", lambda: "avx avx2 fma sse4_2")
    monkeypatch.setattr(machine.onednn, "is_enabled", lambda: False)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    message = machine.processor().message
    assert message.startswith("AMD EPYC (AMD, family 25, model 1; AVX2), ")
    assert ", oneDNN uses AVX2, its operations are off" in message
    assert "OMP_NUM_THREADS=3" in message


def test_every_check_of_this_machine_has_a_message(tmp_path: Path) -> None:
    for name, check in machine.checks(tmp_path).items():
        assert check().message, name


def test_the_lock_pins_every_package_for_this_interpreter() -> None:
    pins = versions.pins((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    assert set(versions.PACKAGES) <= set(pins)
    installed = {name: metadata.version(name) for name in ("numpy", "scipy", "networkx")}
    assert installed.items() <= pins.items()


@pytest.mark.parametrize(
    ("limit", "version"),
    [
        (platform.python_version(), "2.0"),
        ("3.99", "1.0"),
        ("3.9", "2.0"),  # lower than 3.11 as a version, higher as text
        ("3", "2.0"),
    ],
)
def test_pins_evaluates_environment_markers(limit: str, version: str) -> None:
    lines = (
        f"a==1.0 ; python_full_version < '{limit}'",
        f"a==2.0 ; python_full_version >= '{limit}'",
        "b-c==3",
        "d==4 ; sys_platform == 'no-such-system' and python_full_version >= '3'",
        "d==5 ; sys_platform != 'no-such-system' or python_full_version < '3'",
        "e==6 ; implementation_name == 'no-such-implementation'",
    )
    lock = "".join(f"{line} \\\n    --hash=sha256:00\n    # via f\n" for line in lines)
    assert versions.pins(lock) == {"a": version, "b-c": "3", "d": "5"}


def test_versions_are_compared_with_the_lock_file() -> None:
    own = metadata.version("numpy")
    assert versions.package("numpy", own, "a.lock").message == f"{own}, as in a.lock"
    assert versions.package("numpy", None, "a.lock") == Diagnostic(own)
    other = versions.package("numpy", "0.1", "a.lock")
    assert (other.status, other.message) == ("warning", f"{own}, but a.lock has 0.1")
    missing = versions.package("no-such-package", "0.1", "a.lock")
    assert (missing.status, missing.message) == ("failed", "not installed")


@pytest.mark.parametrize(
    ("interpreter", "status"),
    [
        ((3, 10, 13), "failed"),
        ((3, 11, 0), "ok"),
        ((3, 12, 1), "ok"),
        ((3, 13, 9), "ok"),
        ((3, 14, 0), "failed"),
        ((4, 12, 0), "failed"),
    ],
)
def test_only_interpreters_of_the_lock_are_supported(
    monkeypatch: pytest.MonkeyPatch, interpreter: tuple[int, int, int], status: str
) -> None:
    monkeypatch.setattr(sys, "version_info", interpreter)
    diagnostic = versions.python()
    assert diagnostic.status == status
    assert diagnostic.message.endswith("seqproof needs 3.11 to 3.13") == (status == "failed")
