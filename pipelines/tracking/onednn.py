"""State of oneDNN's operations in TensorFlow.

TensorFlow multiplies matrices of float32 by oneDNN in any case. Whether oneDNN's operations replace
its own depends on the processor and on TF_ENABLE_ONEDNN_OPTS.
"""

from __future__ import annotations

from pipelines import console


def is_enabled() -> bool:
    """Return whether TensorFlow uses oneDNN's operations."""
    with console.quiet_imports():
        from tensorflow.python.util._pywrap_util_port import IsMklEnabled

    return bool(IsMklEnabled())


def describe() -> dict[str, str]:
    """Return the state of the operations for the record of a run."""
    return {"onednn": "on" if is_enabled() else "off"}
