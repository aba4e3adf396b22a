"""Loss and gradient norm of every training step, stored in the model's folder.

The losses show whether a second training took exactly the same way.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.errors import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    StepValues = npt.NDArray[np.float64]  # (N,), one value per step

LOSSES, NORMS = "losses.npy", "gradient-norms.npy"


def write_step_metrics(losses: StepValues | None, norms: StepValues | None, folder: Path) -> None:
    """Write the losses and gradient norms of all training steps, if any, into a model's folder."""
    for name, values in ((LOSSES, losses), (NORMS, norms)):
        if values is not None:
            with (folder / name).open("wb") as file:
                files.write_array(values, file)


def read_losses(folder: Path) -> StepValues:
    """Read the loss of every step (N,), in nats; empty for a model without a gradient.

    Raises:
        UserError: the file is damaged.
    """
    return _read(folder / LOSSES)


def read_norms(folder: Path) -> StepValues:
    """Read the gradient norm of every step (N,); empty for a model without a gradient.

    Raises:
        UserError: the file is damaged.
    """
    return _read(folder / NORMS)


def _read(path: Path) -> StepValues:
    import numpy as np

    try:
        values: StepValues = np.load(path, allow_pickle=False)
    except FileNotFoundError:
        return np.zeros(0)
    except (ValueError, EOFError, OSError):
        raise UserError(
            f"{path} is damaged. Delete the model's folder and train it again."
        ) from None
    return values
