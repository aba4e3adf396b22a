"""Every path that stages and commands use, relative to the project's root.

`dvc.yaml` names the same files; a contract test compares the two.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import models as model_config

if TYPE_CHECKING:
    from pipelines.config.params import Params

PARAMS = Path("params.yaml")
DVC_YAML = Path("dvc.yaml")
DVC_LOCK = Path("dvc.lock")
CHECKED = Path("data/checked")
PARAMS_CHECKED = CHECKED / "params.txt"
TEXTS = Path("texts")

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
DATA_CHECKS = Path("data/checks")
FAILED_ROWS = Path("data/failed")
PROFILES = Path("data/profiles")
DATA_DOCS = Path("data/docs")
DROPPED = Path("data/dropped")
VOCABULARY = Path("data/vocabulary")
MODELS = Path("models")
HISTORIES = Path("plots")
METRICS = Path("metrics")
PREDICTIONS = Path("predictions")
ANALYSES = Path("analyses")
EXPERIMENTS = Path("experiments")
VERIFIED = Path("verified")
EXPORTS = Path("exports")
SWEEPS = Path("sweeps")
REPORT = Path("report.html")


def raw(corpus: str) -> Path:
    """Return the folder of a corpus's raw files."""
    return RAW / corpus


def frame(corpus: str, split: str) -> Path:
    """Return the file of a prepared split: `train`, `valid` or `test`."""
    return PREPARED / corpus / f"{split}.parquet"


def train_frame(corpus: str) -> Path:
    """Return the file of the prepared training split."""
    return frame(corpus, "train")


def valid_frame(corpus: str) -> Path:
    """Return the file of the prepared validation split."""
    return frame(corpus, "valid")


def test_frame(corpus: str) -> Path:
    """Return the file of the prepared test split."""
    return frame(corpus, "test")


def data_checks(corpus: str) -> Path:
    """Return the file with the results of a corpus's data checks."""
    return DATA_CHECKS / f"{corpus}.json"


def profile(corpus: str) -> Path:
    """Return the profile of a corpus's training split, with which new text is compared."""
    return PROFILES / f"{corpus}.json"


def failed_rows(corpus: str) -> Path:
    """Return the table of the rows that break a rule of a corpus; DVC does not track it."""
    return FAILED_ROWS / f"{corpus}.csv"


def dropped(corpus: str) -> Path:
    """Return the table of a corpus's raw rows that are in no split."""
    return DROPPED / f"{corpus}.csv"


def vocabulary(corpus: str) -> Path:
    """Return the vocabulary file of a corpus."""
    return VOCABULARY / f"{corpus}.json"


def model(name: str) -> Path:
    """Return the folder of a trained model."""
    return MODELS / name


def history(name: str) -> Path:
    """Return the table of a model's epochs."""
    return HISTORIES / f"{name}.csv"


def metrics(name: str) -> Path:
    """Return the metrics file of a model."""
    return METRICS / f"{name}.json"


def predictions(name: str) -> Path:
    """Return the file of a model's predictions on the test split."""
    return PREDICTIONS / f"{name}.parquet"


def analysis(name: str) -> Path:
    """Return the file of a model's analysis on the test split."""
    return ANALYSES / f"{name}.json"


def experiment(stage: str, name: str) -> Path:
    """Return the table that an experiment's stage writes."""
    return EXPERIMENTS / stage / f"{name}.csv"


def gradient_norms(task: str) -> Path:
    """Return the second table of the memory experiment on a task: its gradient norms."""
    return EXPERIMENTS / "gradient_flow" / f"{task}.csv"


def verified(name: str) -> Path:
    """Return the file with the result of verifying a model."""
    return VERIFIED / f"{name}.json"


def exported(name: str, kind: str) -> Path:
    """Return the folder of a model in another format: `saved-model` or `onnx`."""
    return EXPORTS / name / kind


def sweep(name: str) -> Path:
    """Return the file with the result of a sweep."""
    return SWEEPS / f"{name}.json"


def source_record(corpus: str) -> Path:
    """Return the record of the text files that a corpus reads from the project's folder."""
    return CHECKED / f"{corpus}.json"


def training_stage(params: Params, name: str) -> str:
    """Return the stage that trains a model, `train_lstm@shakespeare-lstm` for example."""
    return f"{model_config.training_stage(params.models[name])}@{name}"


def evaluation_stage(params: Params, name: str) -> str:
    """Return the stage that evaluates a model, `evaluate_lstm@shakespeare-lstm` for example."""
    return f"{model_config.evaluation_stage(params.models[name])}@{name}"
