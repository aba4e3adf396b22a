"""Trainings interrupted at random moments: what happened, and whether their bytes are the same.

    python benchmarks/faults.py --kills 20

Each kind of model is trained once in peace and once with so many interruptions, faults in turn,
every try in a process of its own; weights, losses and history are compared byte for byte. Writes a
table into docs/reproducibility.md.
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

FAULTS = ["fault", "injected", "ended with", "a checkpoint to go on from", "none yet", "bytes"]
MODELS = ["model", "interruptions", "went on from a checkpoint", "bytes"]

from pipelines import console  # noqa: E402
from tests.faults import injector  # noqa: E402


def main() -> None:
    """Torment, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="interruptions of each model")
    parser.add_argument("--seed", type=int, default=1, help="of moments and faults")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        peace, torment = Path(scratch, "peace"), Path(scratch, "torment")
        for folder in (peace, torment):
            injector.make(folder)
            injector.train(folder, "start")
        told = {
            name: _tormented(name, peace, torment, given.kills, given.seed)
            for name in injector.MODELS
        }
    page.write("faults", FAULTS, [_fault(fault, told) for fault in injector.FAULTS], PAGE)
    page.write("models", MODELS, [_model(name, *found) for name, found in told.items()], PAGE)


def _tormented(
    name: str, peace: Path, torment: Path, kills: int, seed: int
) -> tuple[injector.Story, bool]:
    """What happened to a model, and whether its bytes are the same in the end."""
    story = injector.torment(torment, name, kills, injector.timed(peace, name), seed)
    same = injector.outs(torment, name) == injector.outs(peace, name)
    console.echo(
        f"{name}: {story.faults.total()} interruptions, {'equal' if same else 'different'}"
    )
    return story, same


def _fault(fault: str, told: dict[str, tuple[injector.Story, bool]]) -> list[str]:
    stories = [story for story, _ in told.values()]
    many = sum(story.faults[fault] for story in stories)
    saved = sum(story.saved[fault] for story in stories)
    codes = sorted({code for story in stories for code in story.codes.get(fault, ())})
    ended = ", ".join(f"signal {-code}" if code < 0 else str(code) for code in codes)
    hit = [same for story, same in told.values() if story.faults[fault]]
    return [fault, str(many), ended, str(saved), str(many - saved), _word(all(hit))]


def _model(name: str, story: injector.Story, same: bool) -> list[str]:
    return [name, str(story.faults.total()), str(story.went_on), _word(same)]


def _word(same: bool) -> str:
    return "equal" if same else "different"


if __name__ == "__main__":
    main()
