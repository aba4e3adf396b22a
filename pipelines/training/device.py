"""Device and kernels of a training run, for its tags in MLflow."""

from __future__ import annotations

import subprocess
from contextlib import suppress

import tensorflow as tf

from pipelines.config import params
from pipelines.layers.recurrent import kernel


def describe(config: params.Model) -> dict[str, str]:
    """Describe device, kernel, precision, threads and TensorFlow's build."""
    gpus = tf.config.list_physical_devices("GPU")
    name = "cpu"
    if gpus:
        details = tf.config.experimental.get_device_details(gpus[0])
        name = str(details.get("device_name", "gpu"))
    return {
        "device": name,
        **computation(config),
        "precision": getattr(config, "precision", None) or "float32",
        "tensorflow": tf.__version__,
        "tensorflow_build": tf.version.GIT_VERSION,
        **(_cuda() if gpus else {}),
    }


def computation(config: params.Model) -> dict[str, str]:
    """Describe what the order of the sums in a training step depends on: kernel and threads."""
    return {"kernel": _kernel(config), "threads": _threads()}


def _threads() -> str:
    """Describe TensorFlow's thread settings, within and between operations; 0 means all."""
    intra = tf.config.threading.get_intra_op_parallelism_threads()
    inter = tf.config.threading.get_inter_op_parallelism_threads()
    return f"intra {intra}, inter {inter}"


def _cuda() -> dict[str, str]:
    """Return the CUDA and cuDNN versions of TensorFlow's build, and NVIDIA's driver version."""
    build = tf.sysconfig.get_build_info()
    versions = {key: str(build.get(f"{key}_version", "unknown")) for key in ("cuda", "cudnn")}
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    with suppress(OSError, subprocess.SubprocessError):
        process = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        versions["driver"] = process.stdout.split("\n")[0].strip()
    return versions


def _kernel(config: params.Model) -> str:
    """Return the kernel of the recurrent layers; a decoder with input feeding always uses ours."""
    if not hasattr(config, "cell"):
        return "dense"
    name = kernel(config.cell)
    has_input_feeding = config.model == "seq2seq" and config.input_feeding
    return "cudnn, decoder by steps" if has_input_feeding and name == "cudnn" else name
