"""What this machine has to train on: GPU, processor, memory, disk."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.diagnostics.results import Checks, Diagnostic
from pipelines.lineage import environment

GIB = 2**30
LOW, LEAST = 5.0, 0.5  # GiB of the disk: a template's cache, and what one model takes
GPU_LOCK = "delete .venv and run `make install LOCK=requirements-gpu.lock`"


def checks(root: Path) -> Checks:
    """All of this machine; the disk is that of the folder `root`."""
    look = {"gpu": gpu, "cuda": cuda, "processor": processor, "memory": memory}
    return {**look, "disk": partial(disk, root)}


def gpu() -> Diagnostic:
    """The GPUs that TensorFlow trains on, and their driver; one that it misses is a warning."""
    seen, devices = _driver(), _devices()
    if devices:
        driver = f"; driver {seen[0][1]}" if seen else ""
        return Diagnostic(", ".join(map(_described, devices)) + driver)
    if seen:
        name, version = seen[0]
        missed = f"driver {version} has {name}, and TensorFlow sees none"
        return Diagnostic(missed, "warning", GPU_LOCK)
    return Diagnostic(f"none; trains on {_counted(environment.cores(), 'core')}")


def cuda() -> Diagnostic:
    """What TensorFlow was built for, and what is installed of it."""
    built = _build()
    if not built.get("cuda_version"):
        return Diagnostic("TensorFlow is built without it")
    wanted = str(built["cudnn_version"])
    major = str(built["cuda_version"]).partition(".")[0]
    said = f"TensorFlow is built for CUDA {built['cuda_version']} and cuDNN {wanted}"
    if not _devices():
        return Diagnostic(f"{said}; only a GPU needs them")
    runtime, cudnn = (_installed(f"nvidia-{part}-cu{major}") for part in ("cuda-runtime", "cudnn"))
    if cudnn is None:
        return Diagnostic(f"{said}; runs on the system's own")
    found = f"{said}; found CUDA {runtime or 'of the system'} and cuDNN {cudnn}"
    if cudnn.partition(".")[0] != wanted.partition(".")[0]:
        return Diagnostic(found, "warning", GPU_LOCK)
    return Diagnostic(found)


def processor() -> Diagnostic:
    """Its name, the cores that may be used, the threads that TensorFlow uses."""
    with console.quiet_imports():
        import tensorflow as tf

    asked = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    given = tf.config.threading.get_intra_op_parallelism_threads()
    threads = given or (int(asked) if asked.isdigit() else 0) or environment.cores()
    used = f"{_counted(environment.cores(), 'core')}, TensorFlow on {_counted(threads, 'thread')}"
    return Diagnostic(f"{environment.processor()}, {used}")


def memory() -> Diagnostic:
    """All of it, and what no program uses now."""
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    free = re.search(r"^MemAvailable: *(\d+) kB", text, flags=re.M)
    left = f", {int(free[1]) * 1024 / GIB:.1f} GiB of it free" if free else ""
    return Diagnostic(f"{memory_gib():.1f} GiB{left}")


def disk(root: Path) -> Diagnostic:
    """Free space where the project is."""
    free = shutil.disk_usage(root).free / GIB
    found = f"{free:,.1f} GiB free in this folder"
    if free >= LOW:
        return Diagnostic(found)
    mend = "make room; `dvc gc --workspace` drops what the cache holds of earlier results"
    return Diagnostic(found, "warning" if free >= LEAST else "failed", mend)


def memory_gib() -> float:
    """All memory of this machine, in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB


def _driver() -> list[list[str]]:
    """Name and driver of each GPU as the driver's own tool says; empty without it."""
    asked = ["--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(
            ["nvidia-smi", *asked], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return []
    rows = ([part.strip() for part in line.split(",")] for line in done.stdout.splitlines())
    return [row for row in rows if len(row) == 2]


def _devices() -> list[dict[str, Any]]:
    """Name and compute capability of each GPU, as TensorFlow sees them."""
    with console.quiet_imports():
        import tensorflow as tf

        found = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(one) for one in found]


def _described(device: dict[str, Any]) -> str:
    name = str(device.get("device_name", "a GPU"))
    capability = device.get("compute_capability")
    return f"{name} (compute capability {'.'.join(map(str, capability))})" if capability else name


def _build() -> dict[str, Any]:
    with console.quiet_imports():
        import tensorflow as tf

    return dict(tf.sysconfig.get_build_info())


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
