"""Whether one seed gives the same bytes on this machine: each kind of layer is trained twice."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from itertools import zip_longest

from pipelines.proof import samples, speed
from pipelines.proof.findings import Checks, Finding, one_line
from pipelines.training import loop

Step = tuple[float, str]
SWITCH = "TF_DETERMINISTIC_OPS"  # read by TensorFlow itself
TIMED = ("lstm", "additive attention")


def checks() -> Checks:
    """One for each kind of layer, and one of what TensorFlow's own determinism costs."""
    # The process that is timed needs memory of the GPU too, of which TensorFlow takes all.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    found: list[Finding] = []

    def kind(name: str) -> Finding:
        found.append(twice(name))
        return found[-1]

    def last() -> Finding:
        return cost(all(one.mark == "ok" for one in found))

    return {**{name: partial(kind, name) for name in samples.KINDS}, "cost": last}


def twice(name: str) -> Finding:
    """Train a kind of layer twice from one seed, and compare every step bit for bit."""
    entry = samples.KINDS[name]
    try:
        step = first_difference(trace(entry), trace(entry))
    except Exception as error:  # whatever this machine does to a training is what was asked
        mend = "see `gpu`, `cuda` and `memory` above"
        return Finding(f"does not train here: {one_line(error)}", "failed", mend)
    if step is None:
        return Finding(f"identical, {samples.STEPS} steps twice")
    found = f"two trainings differ from step {step} of {samples.STEPS} on"
    mend = f"set {SWITCH}=1, with which TensorFlow takes its deterministic kernels"
    return Finding(found, "failed", mend)


def trace(entry: loop.Entry) -> list[Step]:
    """The loss in nats of each step, and a hash of all weights after it."""
    model, train = samples.begin(entry)
    steps = []
    for at in range(1, samples.STEPS + 1):
        loss = train(at)
        content = b"".join(weight.tobytes() for weight in model.get_weights())
        steps.append((loss, hashlib.sha256(content).hexdigest()))
    return steps


def first_difference(one: list[Step], other: list[Step]) -> int | None:
    """The first step, from 1, in which two trainings differ in anything; None if in nothing."""
    pairs = enumerate(zip_longest(one, other), start=1)
    return next((at for at, (left, right) in pairs if left != right), None)


def cost(identical: bool) -> Finding:
    """What TensorFlow's deterministic kernels cost in speed, and whether seqproof needs them.

    Args:
        identical: whether all kinds of layers were.
    """
    try:
        ratios = speed.slowdown(TIMED, SWITCH)
    except (ChildProcessError, ValueError) as error:
        mend = "see `memory` above and try again"
        return Finding(f"could not be timed: {one_line(error)}", "warning", mend)
    each = ", ".join(f"{ratio:.1f} for {name}" for name, ratio in ratios.items())
    found = f"deterministic kernels take about so many times as long: {each}"
    if os.environ.get(SWITCH) in ("1", "true"):
        return Finding(f"{found}; {SWITCH} turns them on here")
    if identical:
        return Finding(f"{found}; seqproof trains without them, as all is identical anyway")
    return Finding(found)
