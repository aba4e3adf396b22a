"""The table of a training's epochs: epoch, tokens seen, train_loss, the mean and the largest
gradient norm, valid_loss, a score if any; of a group, before all that, the seed.

And the loss of its every step, which shows whether another training went the same way, and the norm
of its gradient; and what the model said after each epoch.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines import console, files
from pipelines.errors import UserError
from pipelines.evaluation import seed_statistics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

LOSSES, NORMS, SAMPLES = "losses.npy", "gradient-norms.npy", "samples.json"
COLUMNS = {"epoch", "tokens", "train_loss", "valid_loss"}


class Sample(NamedTuple):
    """What a model said after an epoch, to be looked at."""

    epoch: int
    text: str


class TrainingResult(NamedTuple):
    """What a training gives.

    Attributes:
        model: with the weights of its best epoch.
        history: a row for each epoch.
        losses: (N,) of every step, in nats; they prove that it was trained again the same way. None
            for what has no steps.
        norms: (N,), the global norm of each step's gradient before it is clipped; None as losses.
        samples: one for each epoch, of a model that says something.
        seconds: what it took, over all processes that it ran in.
    """

    model: Any
    history: pd.DataFrame
    losses: npt.NDArray[np.float64] | None
    norms: npt.NDArray[np.float64] | None
    samples: Sequence[Sample]
    seconds: float


def write_history(history: pd.DataFrame, path: Path) -> None:
    """Write the epochs as CSV, the same bytes for the same numbers."""
    text = history.to_csv(index=False, lineterminator="\n", float_format="%.9g")
    files.write_text(path, text)


def read_history(path: Path) -> pd.DataFrame:
    """Read what `write` wrote.

    Raises:
        Refusal: the file is missing or damaged.
    """
    import pandas as pd

    try:
        history = pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing: train the model first, with `dvc repro`.") from None
    except ValueError:
        history = pd.DataFrame()
    if history.empty or not set(history.columns) >= COLUMNS:
        raise UserError(f"{path} is damaged: delete it and train the model again.")
    return history


def by_seed(history: pd.DataFrame) -> dict[int | None, pd.DataFrame]:
    """The epochs of each seed of a group, without it; all of them under None if it is no group."""
    return dict(seed_statistics.by_seed(history).items()) or {None: history}


def tokens_read(history: pd.DataFrame) -> int:
    """Training tokens that were read, over all epochs and all seeds."""
    return sum(int(part["tokens"].iloc[-1]) for part in by_seed(history).values())


def tokens_seen(history: pd.DataFrame) -> int:
    """Training tokens that the model saw, over all epochs; of several seeds the mean."""
    return round(tokens_read(history) / len(by_seed(history)))


def write_steps(trained: TrainingResult, folder: Path) -> None:
    """Write what is known of every step into a model's folder."""
    import numpy as np

    for name, numbers in ((LOSSES, trained.losses), (NORMS, trained.norms)):
        if numbers is not None:
            with (folder / name).open("wb") as file:
                np.lib.format.write_array(file, numbers, allow_pickle=False)


def write_samples(samples: Sequence[Sample], folder: Path) -> None:
    """Write the samples of a training, if there are any, into a model's folder."""
    if samples:
        text = console.as_json([sample._asdict() for sample in samples])
        files.write_text(folder / SAMPLES, text)


def read_samples(folder: Path) -> list[Sample]:
    """Read what `write_samples` wrote; none if it wrote nothing.

    Raises:
        Refusal: the file is damaged.
    """
    path = folder / SAMPLES
    try:
        return [Sample(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError):
        raise UserError(f"{path} is damaged: delete the model and train it again.") from None


def read_losses(folder: Path) -> npt.NDArray[np.float64]:
    """The loss of every step (N,), in nats, of a model; none of one that has no gradient.

    Raises:
        Refusal: the file is damaged.
    """
    return _read_steps(folder / LOSSES)


def read_norms(folder: Path) -> npt.NDArray[np.float64]:
    """The gradient norm of every step (N,) of a model; none of one that has no gradient.

    Raises:
        Refusal: the file is damaged.
    """
    return _read_steps(folder / NORMS)


def _read_steps(path: Path) -> npt.NDArray[np.float64]:
    import numpy as np

    try:
        numbers: npt.NDArray[np.float64] = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return np.zeros(0)
    except (ValueError, EOFError, OSError):
        raise UserError(f"{path} is damaged: delete the model and train it again.") from None
    return numbers
