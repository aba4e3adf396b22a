"""History of a training run: a table with one row per epoch.

Columns: `epoch`, `tokens` (read so far), `train_loss`, `gradient_norm`, `gradient_norm_max`,
`valid_loss`, and `valid_<score>` if there is a score. The table of a group starts with `seed`.
That of an n-gram model with candidate orders ends with the chosen `order` and the validation loss
of each candidate, `order_<n>_valid_loss`; that of a logistic regression with `c` and
`c_<value>_valid_macro_f1` in the same way. With a mixture, `valid_mixture_loss` is the loss of the
mixture of this epoch's network with n-grams and cache, and `valid_loss` that of the network alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines import files
from pipelines.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = {"epoch", "tokens", "train_loss", "valid_loss"}


def write_history(history: pd.DataFrame, path: Path) -> None:
    """Write the epochs as CSV: the same bytes for the same numbers."""
    text = history.to_csv(index=False, lineterminator="\n", float_format="%.9g")
    files.write_text(path, text)


def read_history(path: Path) -> pd.DataFrame:
    """Read the table that `write_history` wrote.

    Raises:
        UserError: the file is missing or damaged.
    """
    import pandas as pd

    try:
        history = pd.read_csv(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing. Run `seqproof run` to train the model.") from None
    except ValueError:
        history = pd.DataFrame()
    if history.empty or not set(history.columns) >= COLUMNS:
        raise UserError(f"{path} is damaged. Delete it and train the model again.")
    return history


def best_values(history: pd.DataFrame) -> dict[str, float]:
    """Return the best value of each validation column but `valid_loss`, by its title.

    It is the lowest loss, and the highest value of any other score.
    """
    columns = [str(column) for column in history if str(column).startswith("valid_")]
    return {
        column.removeprefix("valid_").replace("_", " "): float(
            history[column].min() if column.endswith("loss") else history[column].max()
        )
        for column in columns
        if column != "valid_loss"
    }


def by_seed(history: pd.DataFrame) -> dict[int | None, pd.DataFrame]:
    """Split the epochs of a group by seed; the key is None for a model trained from one seed."""
    if "seed" not in history:
        return {None: history}
    rows = history.drop(columns="seed")
    return {int(seed): rows[history["seed"] == seed] for seed in history["seed"].unique()}


def tokens_read(history: pd.DataFrame) -> int:
    """Return the number of training tokens read over all epochs and all seeds."""
    return sum(int(part["tokens"].iloc[-1]) for part in by_seed(history).values())


def tokens_seen(history: pd.DataFrame) -> int:
    """Return the number of training tokens one model read over all epochs: the mean over seeds."""
    return round(tokens_read(history) / len(by_seed(history)))
