"""oneDNN's own word for its instruction set, against what a run records."""

import os
import platform
import subprocess
import sys

import pytest

from pipelines.lineage import environment

# What oneDNN prints with ONEDNN_VERBOSE=1.
NAMES = {
    "AVX2": "Intel AVX2",
    "AVX512_CORE": "Intel AVX-512 with AVX512BW, AVX512VL, and AVX512DQ extensions",
    "AVX512_CORE_VNNI": "Intel AVX-512 with Intel DL Boost",
    "AVX512_CORE_BF16": "Intel AVX-512 with Intel DL Boost and bfloat16 support",
}
MULTIPLY = """
from pipelines.tracking import onednn
import tensorflow as tf
x = tf.ones((64, 64))
print("sum", float(tf.reduce_sum(x @ x)))
print("state", onednn.describe()["onednn"])
"""


@pytest.mark.skipif(platform.machine() != "x86_64", reason="instruction sets of x86")
@pytest.mark.parametrize(("enabled", "limit"), [("1", ""), ("0", "AVX2")])
def test_onednn_uses_what_is_recorded(enabled: str, limit: str) -> None:
    isa = environment.onednn_isa(environment.instruction_sets(), limit)
    if isa not in NAMES:
        pytest.skip(f"oneDNN's name of {isa} is not in the table")
    variables = {**os.environ, "ONEDNN_VERBOSE": "1", "TF_ENABLE_ONEDNN_OPTS": enabled}
    process = subprocess.run(
        [sys.executable, "-c", MULTIPLY],
        env=variables | ({"ONEDNN_MAX_CPU_ISA": limit} if limit else {}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"state {'on' if enabled == '1' else 'off'}" in process.stdout
    # Without its operations, too, TensorFlow multiplies matrices by oneDNN.
    assert f"cpu,isa:{NAMES[isa]}\n" in process.stdout
