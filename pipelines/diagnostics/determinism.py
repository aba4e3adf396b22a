"""Whether one seed gives the same bytes on this machine: each kind of layer is trained twice."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from itertools import zip_longest

from pipelines.diagnostics import speed, tiny_models
from pipelines.diagnostics.results import Checks, Diagnostic, one_line
from pipelines.training.steps import TrainableModel

Step = tuple[float, str]
SWITCH = "TF_DETERMINISTIC_OPS"  # read by TensorFlow itself
TIMED = ("lstm", "additive attention")


def checks() -> Checks:
    """One for each kind of layer, and one of what TensorFlow's own determinism costs."""
    # The process that is timed needs memory of the GPU too, of which TensorFlow takes all.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    found: list[Diagnostic] = []

    def kind(name: str) -> Diagnostic:
        found.append(check_determinism(name))
        return found[-1]

    def last() -> Diagnostic:
        return cost(all(one.mark == "ok" for one in found))

    return {**{name: partial(kind, name) for name in tiny_models.TINY_MODELS}, "cost": last}


def check_determinism(name: str) -> Diagnostic:
    """Train a kind of layer twice from one seed, and compare every step bit for bit."""
    entry = tiny_models.TINY_MODELS[name]
    try:
        step = first_difference(trace(entry), trace(entry))
    except Exception as error:  # whatever this machine does to a training is what was asked
        mend = "see `gpu`, `cuda` and `memory` above"
        return Diagnostic(f"does not train here: {one_line(error)}", "failed", mend)
    if step is None:
        return Diagnostic(f"identical, {tiny_models.STEPS} steps twice")
    found = f"two trainings differ from step {step} of {tiny_models.STEPS} on"
    mend = f"set {SWITCH}=1, with which TensorFlow takes its deterministic kernels"
    return Diagnostic(found, "failed", mend)


def trace(entry: TrainableModel) -> list[Step]:
    """The loss in nats of each step, and a hash of all weights after it."""
    model, train = tiny_models.begin(entry)
    steps = []
    for at in range(1, tiny_models.STEPS + 1):
        loss = train(at)
        content = b"".join(weight.tobytes() for weight in model.get_weights())
        steps.append((loss, hashlib.sha256(content).hexdigest()))
    return steps


def first_difference(one: list[Step], other: list[Step]) -> int | None:
    """The first step, from 1, in which two trainings differ in anything; None if in nothing."""
    pairs = enumerate(zip_longest(one, other), start=1)
    return next((at for at, (left, right) in pairs if left != right), None)


def cost(identical: bool) -> Diagnostic:
    """What TensorFlow's deterministic kernels cost in speed, and whether seqproof needs them.

    Args:
        identical: whether all kinds of layers were.
    """
    try:
        ratios = speed.slowdown(TIMED, SWITCH)
    except (ChildProcessError, ValueError) as error:
        mend = "see `memory` above and try again"
        return Diagnostic(f"could not be timed: {one_line(error)}", "warning", mend)
    each = ", ".join(f"{ratio:.1f} for {name}" for name, ratio in ratios.items())
    found = f"deterministic kernels take about so many times as long: {each}"
    if os.environ.get(SWITCH) in ("1", "true"):
        return Diagnostic(f"{found}; {SWITCH} turns them on here")
    if identical:
        return Diagnostic(f"{found}; seqproof trains without them, as all is identical anyway")
    return Diagnostic(found)
