"""Determinism of training on this machine: small models are trained twice from one seed."""

from __future__ import annotations

import hashlib
import os
from functools import partial
from itertools import zip_longest

from pipelines.config.params import TrainableModel
from pipelines.diagnostics import speed, tiny_models
from pipelines.diagnostics.diagnostic import Checks, Diagnostic, one_line

Step = tuple[float, str]
DETERMINISTIC_OPS = "TF_DETERMINISTIC_OPS"  # environment variable of TensorFlow
TIMED_MODELS = ("lstm", "additive attention")


def checks() -> Checks:
    """Return one check for each small model, and one of the cost of deterministic kernels."""
    # The timed process needs GPU memory too; by default TensorFlow reserves all of it.
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    diagnostics: list[Diagnostic] = []

    def check_model(name: str) -> Diagnostic:
        diagnostics.append(check_determinism(name))
        return diagnostics[-1]

    def check_cost() -> Diagnostic:
        return measure_cost(all(diagnostic.status == "ok" for diagnostic in diagnostics))

    models = {name: partial(check_model, name) for name in tiny_models.TINY_MODELS}
    return {**models, "cost": check_cost}


def check_determinism(name: str) -> Diagnostic:
    """Train a small model twice from one seed, and compare every step bit for bit."""
    entry = tiny_models.TINY_MODELS[name]
    try:
        step = first_difference(record_steps(entry), record_steps(entry))
    except Exception as error:  # any failure of a training run is a result of this check
        fix = "see `gpu`, `cuda` and `memory` above"
        return Diagnostic(f"the training failed: {one_line(error)}", "failed", fix)
    if step is None:
        return Diagnostic(f"{tiny_models.STEPS} steps are identical in two training runs")
    message = f"two training runs differ from step {step} of {tiny_models.STEPS} on"
    fix = f"set {DETERMINISTIC_OPS}=1 to use TensorFlow's deterministic kernels"
    return Diagnostic(message, "failed", fix)


def record_steps(entry: TrainableModel) -> list[Step]:
    """Train a model, and return the loss in nats and a hash of all weights after each step."""
    model, run_step = tiny_models.make_training(entry)
    steps = []
    for number in range(1, tiny_models.STEPS + 1):
        loss = run_step(number)
        content = b"".join(weight.tobytes() for weight in model.get_weights())
        steps.append((loss, hashlib.sha256(content).hexdigest()))
    return steps


def first_difference(first: list[Step], second: list[Step]) -> int | None:
    """Return the first step, from 1, in which two training runs differ, or None."""
    pairs = enumerate(zip_longest(first, second), start=1)
    return next((number for number, (left, right) in pairs if left != right), None)


def measure_cost(is_deterministic: bool) -> Diagnostic:
    """Measure the slowdown by TensorFlow's deterministic kernels.

    Args:
        is_deterministic: whether all models train deterministically without them.
    """
    try:
        ratios = speed.slowdown(TIMED_MODELS, DETERMINISTIC_OPS)
    except (ChildProcessError, ValueError) as error:
        fix = "see `memory` above and try again"
        return Diagnostic(f"the timing failed: {one_line(error)}", "warning", fix)
    times = ", ".join(f"{ratio:.1f} times for {name}" for name, ratio in ratios.items())
    message = f"training time with deterministic kernels: {times}"
    if os.environ.get(DETERMINISTIC_OPS) in ("1", "true"):
        return Diagnostic(f"{message}; {DETERMINISTIC_OPS} enables them")
    if is_deterministic:
        return Diagnostic(f"{message}; not needed, as all results are identical without them")
    return Diagnostic(message)
