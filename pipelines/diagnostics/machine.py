"""Hardware and drivers of this machine: GPU, processor, memory, disk."""

from __future__ import annotations

import os
import re
import shutil
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.diagnostics.diagnostic import Checks, Diagnostic
from pipelines.lineage import environment
from pipelines.tracking import onednn

GIB = 2**30
# Free space on the disk, in GiB: the cache of a template, and the files of one model.
RECOMMENDED_SPACE, REQUIRED_SPACE = 5.0, 0.5
GPU_LOCK = "delete .venv and run `make install LOCK=requirements-gpu.lock`"


def checks(root: Path) -> Checks:
    """Return the checks of this machine, and of the disk that has the folder `root`."""
    hardware = {"gpu": gpu, "cuda": cuda, "processor": processor, "memory": memory}
    return {**hardware, "disk": partial(disk, root)}


def gpu() -> Diagnostic:
    """Check that TensorFlow sees the GPUs that the driver reports."""
    driver_gpus, devices = environment.driver_gpus("name", "driver_version"), _devices()
    if devices:
        driver = f"; driver {driver_gpus[0][1]}" if driver_gpus else ""
        return Diagnostic(", ".join(map(_describe, devices)) + driver)
    if driver_gpus:
        name, version = driver_gpus[0]
        message = f"driver {version} reports {name}, but TensorFlow sees no GPU"
        return Diagnostic(message, "warning", GPU_LOCK)
    return Diagnostic(f"none; training uses {_pluralize(environment.cores(), 'core')}")


def cuda() -> Diagnostic:
    """Check that the installed cuDNN has the major version that TensorFlow was built for."""
    build = _build_info()
    if not build.get("cuda_version"):
        return Diagnostic("TensorFlow was built without CUDA")
    required = str(build["cudnn_version"])
    major = str(build["cuda_version"]).partition(".")[0]
    message = f"TensorFlow was built for CUDA {build['cuda_version']} and cuDNN {required}"
    if not _devices():
        return Diagnostic(f"{message}; only a GPU needs them")
    runtime, cudnn = (
        _installed_version(f"nvidia-{part}-cu{major}") for part in ("cuda-runtime", "cudnn")
    )
    if cudnn is None:
        return Diagnostic(f"{message}; the system's own libraries are used")
    message += f"; installed: CUDA {runtime or 'of the system'}, cuDNN {cudnn}"
    if cudnn.partition(".")[0] != required.partition(".")[0]:
        return Diagnostic(message, "warning", GPU_LOCK)
    return Diagnostic(message)


def processor() -> Diagnostic:
    """Describe the processor, its available cores, and the threads of TensorFlow."""
    with console.quiet_imports():
        import tensorflow as tf

    variable = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
    threads = tf.config.threading.get_intra_op_parallelism_threads()
    threads = threads or (int(variable) if variable.isdigit() else 0) or environment.cores()
    cores = _pluralize(environment.cores(), "core")
    instructions = environment.summarize_instructions(environment.instruction_sets())
    variables = [f"{name}={value}" for name, value in environment.variables().items()]
    facts = [
        f"{environment.processor()} ({environment.processor_model()}; {instructions})",
        cores,
        f"TensorFlow uses {_pluralize(threads, 'thread')}",
        f"oneDNN uses {environment.machine()['onednn_isa']}, its operations are "
        f"{onednn.describe()['onednn']}",
    ]
    return Diagnostic(", ".join([*facts, *variables]))


def memory() -> Diagnostic:
    """Describe the total and the free memory."""
    text = Path("/proc/meminfo").read_text(encoding="utf-8")
    free = re.search(r"^MemAvailable: *(\d+) kB", text, flags=re.M)
    free_text = f", {int(free[1]) * 1024 / GIB:.1f} GiB free" if free else ""
    return Diagnostic(f"{memory_gib():.1f} GiB{free_text}")


def disk(root: Path) -> Diagnostic:
    """Check the free space on the disk of a folder."""
    free = shutil.disk_usage(root).free / GIB
    message = f"{free:,.1f} GiB free on the disk of this folder"
    if free >= RECOMMENDED_SPACE:
        return Diagnostic(message)
    fix = "free some space; `dvc gc --workspace` removes earlier results from the cache"
    return Diagnostic(message, "warning" if free >= REQUIRED_SPACE else "failed", fix)


def memory_gib() -> float:
    """Return the memory of this machine in GiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB


def _devices() -> list[dict[str, Any]]:
    """Return the details of each GPU that TensorFlow sees."""
    with console.quiet_imports():
        import tensorflow as tf

        gpus = tf.config.list_physical_devices("GPU")
        return [tf.config.experimental.get_device_details(gpu) for gpu in gpus]


def _describe(device: dict[str, Any]) -> str:
    name = str(device.get("device_name", "a GPU"))
    capability = device.get("compute_capability")
    return f"{name} (compute capability {'.'.join(map(str, capability))})" if capability else name


def _build_info() -> dict[str, Any]:
    with console.quiet_imports():
        import tensorflow as tf

    return dict(tf.sysconfig.get_build_info())


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _pluralize(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
