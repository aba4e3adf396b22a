"""Training callback that logs each epoch to MLflow, and to whoever waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pipelines.lineage import epoch_rows
from pipelines.training.callbacks import Callback
from pipelines.training.samples import Sample

if TYPE_CHECKING:
    from pipelines.tracking.runs import Run


class EpochLogger(Callback):
    """Logs each epoch's row of the history as metrics, by epoch and by training tokens.

    The curves by tokens stand under `by_tokens/`; those of each seed of a group under `seed-<n>/`.

    Args:
        run: the open run.
    """

    def __init__(self, run: Run) -> None:
        self._run = run

    def on_epoch_end(self, row: Mapping[str, float], sample: Sample | None = None) -> None:
        """Log the row of an epoch that has just ended.

        Args:
            row: as for `log_row`.
            sample: not logged; the artifact `pictures/samples.md` has all samples.
        """
        self.log_row(row)
        epoch_rows.append(row)

    def log_row(self, row: Mapping[str, float]) -> None:
        """Log a row of the history to MLflow.

        Args:
            row: `epoch`, `tokens` and the epoch's losses and scores; of a group also `seed`.
        """
        prefix = f"seed-{row['seed']:.0f}/" if "seed" in row else ""
        values = {key: value for key, value in row.items() if key not in ("seed", "epoch")}
        by_epoch = {f"{prefix}{key}": value for key, value in values.items()}
        by_tokens = {
            f"by_tokens/{prefix}{key}": value for key, value in values.items() if key != "tokens"
        }
        self._run.log_metrics(by_epoch, step=int(row["epoch"]))
        self._run.log_metrics(by_tokens, step=int(row["tokens"]))
