"""The table of a training's epochs: epoch, tokens seen, train_loss, valid_loss, a score if any."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.errors import Refusal

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"epoch", "tokens", "train_loss", "valid_loss"}


def write(history: pd.DataFrame, path: Path) -> None:
    """Write the epochs as CSV, the same bytes for the same numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = history.to_csv(index=False, lineterminator="\n", float_format="%.9g")
    path.write_text(text, encoding="utf-8", newline="\n")


def read(path: Path) -> pd.DataFrame:
    """Read what `write` wrote.

    Raises:
        Refusal: the file is missing or damaged.
    """
    import pandas as pd

    try:
        history = pd.read_csv(path)
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: train the model first, with `dvc repro`.") from None
    except ValueError:
        history = pd.DataFrame()
    if history.empty or not set(history.columns) >= COLUMNS:
        raise Refusal(f"{path} is damaged: delete it and train the model again.")
    return history


def tokens_seen(history: pd.DataFrame) -> int:
    """Training tokens that were read, over all epochs."""
    return int(history["tokens"].iloc[-1])
