"""What the training runs on, for the record of the run."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import tensorflow as tf

from pipelines.config import params
from pipelines.layers.recurrent import kernel


def describe(entry: params.Model) -> dict[str, str]:
    """Device, kernel, XLA, precision, threads and TensorFlow's build as words."""
    found = tf.config.list_physical_devices("GPU")
    name = "cpu"
    if found:
        details = tf.config.experimental.get_device_details(found[0])
        name = str(details.get("device_name", "gpu"))
    return {
        "device": name,
        "kernel": _kernel(entry),
        "xla": "on" if uses_xla(entry) else "off",
        "precision": getattr(entry, "precision", None) or "float32",
        "threads": _threads(),
        "tensorflow": tf.__version__,
        "tensorflow_build": tf.version.GIT_VERSION,
        **(_cuda() if found else {}),
    }


def _threads() -> str:
    """How many TensorFlow was told to use, in an operation and between them; 0: all."""
    inside = tf.config.threading.get_intra_op_parallelism_threads()
    between = tf.config.threading.get_inter_op_parallelism_threads()
    return f"intra {inside}, inter {between}"


def _cuda() -> dict[str, str]:
    """CUDA and cuDNN that TensorFlow was built for, and NVIDIA's driver."""
    build = tf.sysconfig.get_build_info()
    found = {key: str(build.get(f"{key}_version", "unknown")) for key in ("cuda", "cudnn")}
    ask = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(ask, capture_output=True, text=True, timeout=20, check=True)
        found["driver"] = done.stdout.split("\n")[0].strip()
    return found


def _kernel(entry: params.Model) -> str:
    """That of the recurrent layers; a decoder that is fed step by step has none but ours."""
    if not hasattr(entry, "cell"):
        return "dense"
    chosen = kernel(entry.cell)
    fed = entry.model == "seq2seq" and entry.input_feeding
    return "cudnn, decoder by steps" if fed and chosen == "cudnn" else chosen


def uses_xla(entry: params.Model) -> bool:
    """Whether the training step is compiled by XLA.

    It pays where every batch has one shape and no cuDNN kernel, which XLA does not have, is used;
    with bfloat16 it loses the processor's own products of that format.
    """
    if entry.model != "language_model" or kernel(entry.cell) == "cudnn":
        return False
    return not entry.random_bptt_steps and entry.precision is None
