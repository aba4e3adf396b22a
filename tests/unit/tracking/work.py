"""A model's files, and what the stages that train and evaluate it tell MLflow."""

from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import params
from pipelines.lineage import provenance
from pipelines.tracking import records, runs, store
from pipelines.training import history as epochs_table

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
    """The files of a model, and the stages that would train and evaluate it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.everything = params.load(folder / "params.yaml")
        self.data = {}
        for split in ("train", "valid", "test"):
            self.data[split] = Path(f"{split}.parquet")
            pd.DataFrame({"source": ["a"] * 3, "target": ["b"] * 3}).to_parquet(self.data[split])
        self.model, self.history = Path("models") / NAME, Path("history.csv")
        self.model.mkdir(parents=True)
        (self.model / "model.json").write_text(folder.name, encoding="utf-8")
        epochs_table.write_history(pd.DataFrame(ROWS), self.history)
        Path("pictures").mkdir()
        Path("pictures/bars.svg").write_text("<svg/>", encoding="utf-8")
        Path("words.json").write_text("{}", encoding="utf-8")

    def train(self, stop_after: int = len(ROWS)) -> None:
        """Train, or be stopped after so many epochs; then begin where that was."""
        described = {"device": "cpu", "kernel": "blocks"}
        data = {split: self.data[split] for split in ("train", "valid")}
        with records.training("train_seq2seq", self.everything, NAME, data, described, False) as (
            run,
            _,
        ):
            tell = records.epochs(run)
            for row in ROWS[:stop_after]:
                tell(row)
            if stop_after < len(ROWS):
                raise KeyboardInterrupt
            records.end_training(run, self.model, self.history, 2.0)

    def evaluate(self, metrics: dict[str, Any] = METRICS) -> None:
        """Evaluate the model."""
        identity = records.identity(self.everything, NAME)
        digest = provenance.folder_hash(self.model)
        with runs.evaluation(identity, self.folder, digest) as run:
            pictures, test = Path("pictures"), self.data["test"]
            records.end_evaluation(run, metrics, test, pictures, test)
            records.backfill(run, self.everything, NAME, self.history, metrics)
            run.log_model(self.model, Path("words.json"), ["in"], ["out"])

    def runs(self) -> list[Any]:
        """Those of the model's experiment."""
        client = self.client()
        experiment = client.get_experiment_by_name(f"seqproof/{CORPUS}")
        return list(client.search_runs([experiment.experiment_id]))

    def client(self) -> Any:
        """MLflow's own."""
        return store.client(store.tracking_uri(self.folder), self.folder)

    def points(self, key: str) -> list[tuple[int, float]]:
        """Every value of a metric of the one run, by its step."""
        (run,) = self.runs()
        history = self.client().get_metric_history(run.info.run_id, key)
        return [(point.step, point.value) for point in history]

    def models(self) -> list[Any]:
        """The models that were logged."""
        client = self.client()
        experiment = client.get_experiment_by_name(f"seqproof/{CORPUS}")
        return list(client.search_logged_models([experiment.experiment_id]))
