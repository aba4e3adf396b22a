"""A model's files, and what the stages that train and evaluate it log to MLflow."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipelines import paths
from pipelines.config import params
from pipelines.lineage import provenance
from pipelines.tracking import connection, stage_runs
from pipelines.tracking.epoch_logger import EpochLogger
from pipelines.training import checkpoints
from pipelines.training import history as histories

NAME, CORPUS = "verses-attention", "verses"
ROWS = [
    {
        "epoch": 1,
        "tokens": 500,
        "train_loss": 3.25,
        "valid_loss": 3.123456789123,
        "valid_bleu": 2.0,
    },
    {"epoch": 2, "tokens": 1000, "train_loss": 2.5, "valid_loss": 2.75, "valid_bleu": 9.5},
]
METRICS = {"task": "translation", "corpus": CORPUS, "test_bleu": 20.5, "test_examples": 3}


class Work:
    """A project with the files of one model, and the logging of its stages.

    Args:
        folder: the project's root and the current folder; it holds params.yaml.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = params.load(folder / "params.yaml")
        self.model = paths.model(NAME)
        for split in ("train", "valid", "test"):
            path = paths.frame(CORPUS, split)
            path.parent.mkdir(parents=True, exist_ok=True)
            pd.DataFrame({"source": ["a"] * 3, "target": ["b"] * 3}).to_parquet(path)
        self.model.mkdir(parents=True)
        (self.model / "model.json").write_text(folder.name, encoding="utf-8")
        self.write_history(ROWS)
        for path in (paths.vocabulary(CORPUS), paths.predictions(NAME), paths.analysis(NAME)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}", encoding="utf-8")

    def write_history(self, rows: list[dict[str, Any]]) -> None:
        """Write the table of the model's epochs."""
        histories.write_history(pd.DataFrame(rows), paths.history(NAME))

    def train(self, stop_after: int = len(ROWS), tensorboard: Path | None = None) -> None:
        """Log a training, resumed from its checkpoints; interrupt it after some epochs."""
        inputs = provenance.inputs(f"train_seq2seq@{NAME}", self.folder)
        device = {"device": "cpu", "kernel": "blocks"}
        with checkpoints.open_checkpoints(
            self.folder, inputs.stage, inputs.input_hash, 100
        ) as saved:
            with stage_runs.training_run(self.config, NAME, inputs, device, saved) as run:
                logger = EpochLogger(run)
                for row in ROWS[:stop_after]:
                    logger.on_epoch_end(row)
                if stop_after < len(ROWS):
                    raise KeyboardInterrupt
                stage_runs.log_training(run, self.config, NAME, 2.0, tensorboard)
            saved.clear()

    def evaluate(
        self,
        metrics: dict[str, Any] = METRICS,
        seed_metrics: dict[int, dict[str, Any]] | None = None,
    ) -> None:
        """Log an evaluation."""
        evaluation = stage_runs.EvaluationLog(
            metrics=metrics,
            plots={"bars.svg": "<svg/>"},
            example=["in"],
            predictions=["out"],
            seed_metrics=seed_metrics or {},
        )
        inputs = provenance.inputs(f"evaluate_seq2seq@{NAME}", self.folder)
        device = {"device": "cpu", "kernel": "blocks"}
        stage_runs.log_evaluation(self.config, NAME, inputs, device, evaluation)

    def runs(self) -> list[Any]:
        """Return the runs of the model's experiment."""
        client = self.client()
        experiment = client.get_experiment_by_name(f"seqproof/{CORPUS}")
        return list(client.search_runs([experiment.experiment_id]))

    def client(self) -> Any:
        """Return MLflow's client."""
        return connection.client(connection.tracking_uri(self.folder), self.folder)

    def points(self, key: str) -> list[tuple[int, float]]:
        """Return every value of a metric of the only run, by its step."""
        (run,) = self.runs()
        history = self.client().get_metric_history(run.info.run_id, key)
        return [(point.step, point.value) for point in history]

    def models(self) -> list[Any]:
        """Return the logged models."""
        client = self.client()
        experiment = client.get_experiment_by_name(f"seqproof/{CORPUS}")
        return list(client.search_logged_models([experiment.experiment_id]))
