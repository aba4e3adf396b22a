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
import time
from pathlib import Path

import page

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reproducibility.md"
sys.path.insert(0, str(ROOT))

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
        rows = [_row(name, peace, torment, given.kills, given.seed) for name in injector.MODELS]
    page.write("faults", ["model", *injector.FAULTS, "all", "went on", "bytes"], rows, PAGE)


def _row(name: str, peace: Path, torment: Path, kills: int, seed: int) -> list[str]:
    started = time.monotonic()
    injector.train(peace, name)
    seconds = time.monotonic() - started
    story = injector.torment(torment, name, kills, seconds, seed)
    same = injector.outs(torment, name) == injector.outs(peace, name)
    went_on = "-" if name == "ngram" else str(story.went_on)
    counts = [str(story.faults[fault]) for fault in injector.FAULTS]
    row = [name, *counts, str(story.faults.total()), went_on, "equal" if same else "different"]
    console.note(" | ".join(row))
    return row


if __name__ == "__main__":
    main()
