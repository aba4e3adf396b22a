"""Result of a training run, and its files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pipelines import files
from pipelines.models import serialization
from pipelines.training.samples import Sample, write_samples
from pipelines.training.step_metrics import write_step_metrics

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd


class TrainingResult(NamedTuple):
    """Result of a training run.

    Attributes:
        model: the model with the weights of its best epoch.
        history: one row per epoch.
        losses: (N,), loss of every step in nats; None for a model without training steps.
        norms: (N,), global gradient norm of every step before clipping; None like `losses`.
        samples: one per epoch, for models that write text.
        seconds: duration of the training over all processes that it ran in.
    """

    model: Any
    history: pd.DataFrame
    losses: npt.NDArray[np.float64] | None
    norms: npt.NDArray[np.float64] | None
    samples: Sequence[Sample]
    seconds: float


def save(
    result: TrainingResult, spec: serialization.ModelSpec[Any], vocabulary: Path, folder: Path
) -> None:
    """Write the model with its step metrics and samples, atomically.

    Args:
        result: the training's result.
        spec: the model's spec.
        vocabulary: the vocabulary file, which is copied beside the weights.
        folder: the model's folder; it is replaced.
    """
    with files.atomic_write(folder) as temporary:
        temporary.mkdir()
        serialization.write(result.model, spec, vocabulary, temporary)
        write_step_metrics(result.losses, result.norms, temporary)
        write_samples(result.samples, temporary)
