"""Sample texts: the output of a model after each epoch, to be read by people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pipelines import files
from pipelines.errors import UserError

SAMPLES = "samples.json"


class Sample(NamedTuple):
    """Output of a model after an epoch."""

    epoch: int
    text: str


def write_samples(samples: Sequence[Sample], folder: Path) -> None:
    """Write the samples of a training run, if there are any, into a model's folder."""
    if samples:
        text = files.dump_json([sample._asdict() for sample in samples])
        files.write_text(folder / SAMPLES, text)


def read_samples(folder: Path) -> list[Sample]:
    """Read the samples of a model; return an empty list if it has none.

    Raises:
        UserError: the file is damaged.
    """
    path = folder / SAMPLES
    try:
        return files.read_json(path, list[Sample])
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        raise UserError(
            f"{path} is damaged. Delete the model's folder and train it again."
        ) from None
