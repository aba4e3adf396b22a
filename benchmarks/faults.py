"""Trainings interrupted at random moments, compared with uninterrupted ones.

    python benchmarks/faults.py --kills 20

Each kind of model is trained once without interruption and once with many. The faults alternate,
and each attempt runs in its own process. Weights, losses and history are compared byte for byte.
Writes two tables into docs/reproducibility.md.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reproducibility.md"
sys.path.insert(0, str(ROOT))

FAULTS_HEADER = [
    "fault",
    "injected",
    "ended with",
    "a checkpoint to resume from",
    "none yet",
    "bytes",
]
MODELS_HEADER = ["model", "interruptions", "resumed from a checkpoint", "bytes"]

from pipelines import console  # noqa: E402
from tests.faults import injector  # noqa: E402

Outcome = tuple[injector.InterruptedTraining, bool]  # and whether its files are identical


def main() -> None:
    """Interrupt and compare the trainings, and write the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="interruptions of each model")
    parser.add_argument("--seed", type=int, default=1, help="seed of moments and faults")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        undisturbed, disturbed = Path(scratch, "undisturbed"), Path(scratch, "disturbed")
        for folder in (undisturbed, disturbed):
            injector.make_project(folder)
            injector.train(folder, injector.PRETRAINED)
        outcomes = {
            name: interrupt_and_compare(name, undisturbed, disturbed, options.kills, options.seed)
            for name in injector.MODELS
        }
    fault_rows = [fault_row(fault, outcomes) for fault in injector.FAULTS]
    model_rows = [model_row(name, *outcome) for name, outcome in outcomes.items()]
    page.write("faults", FAULTS_HEADER, fault_rows, PAGE)
    page.write("models", MODELS_HEADER, model_rows, PAGE)


def interrupt_and_compare(
    name: str, undisturbed: Path, disturbed: Path, kills: int, seed: int
) -> Outcome:
    """Train a model with interruptions and compare its files with an undisturbed training."""
    durations = injector.measure(undisturbed, name)
    training = injector.interrupt_repeatedly(disturbed, name, kills, durations, seed)
    is_equal = injector.read_outs(disturbed, name) == injector.read_outs(undisturbed, name)
    console.echo(f"{name}: {training.faults.total()} interruptions, {equality(is_equal)}")
    return training, is_equal


def fault_row(fault: str, outcomes: dict[str, Outcome]) -> list[str]:
    """Return the table row of a fault."""
    trainings = [training for training, _ in outcomes.values()]
    count = sum(training.faults[fault] for training in trainings)
    resumable = sum(training.resumable[fault] for training in trainings)
    codes = sorted({code for training in trainings for code in training.codes.get(fault, ())})
    endings = ", ".join(f"signal {-code}" if code < 0 else str(code) for code in codes)
    is_equal = all(is_equal for training, is_equal in outcomes.values() if training.faults[fault])
    return [fault, str(count), endings, str(resumable), str(count - resumable), equality(is_equal)]


def model_row(name: str, training: injector.InterruptedTraining, is_equal: bool) -> list[str]:
    """Return the table row of a model."""
    return [name, str(training.faults.total()), str(training.resumed), equality(is_equal)]


def equality(is_equal: bool) -> str:
    """Return the word for equal or different bytes."""
    return "equal" if is_equal else "different"


if __name__ == "__main__":
    main()
