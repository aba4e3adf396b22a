"""Small models of each kind and each layer, trained on random text.

They are large enough that TensorFlow divides a matrix product among its threads, and small enough
that all of them train twice in half a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

import keras
import numpy as np
import pandas as pd

from pipelines import console
from pipelines.config import params, task_schemas
from pipelines.config.params import TrainableModel
from pipelines.models import serialization
from pipelines.models.serialization import ModelSpec
from pipelines.tasks import lookup
from pipelines.text.subwords import SPECIALS
from pipelines.text.vocabulary import Vocabularies, Vocabulary
from pipelines.training import seeding
from pipelines.training.datasets import EpochBatches
from pipelines.training.progress import TrainingProgress
from pipelines.training.signals import Signals
from pipelines.training.trainer import Trainer

STEPS = 20
SEED = 1
BATCH_SIZE, LENGTH, VOCABULARY_SIZE, LABELS = 32, 12, 1000, ("a", "b", "c")
ROWS = 2 * BATCH_SIZE * STEPS  # rows of random text: enough for STEPS batches of every task
VALID_ROWS = 8
CLEANING = params.Cleaning(unicode="NFC", lowercase=False, max_length=LENGTH, drop_repeated=False)
# Values of the required keys; each kind of model takes those that it has.
REQUIRED: dict[str, Any] = {
    "corpus": "random",
    "dropout": 0.0,
    "batch_size": BATCH_SIZE,
    "epochs": STEPS,
    "optimizer": {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0},
    "cell": "lstm",
    "embedding": 96,
    "units": 96,
    "layers": 1,
    "bptt_steps": LENGTH,
    "bidirectional": False,
    "pooling": "last",
    "attention": "none",
    "hidden": (128,),
}


def _config(kind: type[TrainableModel], **changes: Any) -> TrainableModel:
    """Return a small model of a kind."""
    required = {key: value for key, value in REQUIRED.items() if key in kind.model_fields}
    return kind.model_validate({"model": _tag(kind), **required, **changes})


def _tag(kind: type[TrainableModel]) -> str:
    """Return the value of `model` in params.yaml."""
    tag: str = get_args(kind.model_fields["model"].annotation)[0]
    return tag


def _tiny_models() -> dict[str, TrainableModel]:
    """Return one model for each layer, then one for each kind of model that has none yet."""
    language_model, classifier = params.LanguageModelConfig, params.ClassifierConfig
    seq2seq = params.Seq2SeqConfig
    scores = [score for score in get_args(params.Score) if score != "none"]
    models = {
        **{cell: _config(language_model, cell=cell) for cell in params.cell_names()},
        "dropout": _config(language_model, dropout=0.3),
        "variational dropout": _config(language_model, dropout=0.3, variational=True),
        "weight drop": _config(language_model, weight_drop=0.3),
        **{f"{score} attention": _config(seq2seq, attention=score) for score in scores},
        **{
            f"{pooling} pooling": _config(classifier, bidirectional=True, pooling=pooling)
            for pooling in get_args(params.Pooling)
        },
        "conditional random field": _config(params.TaggerConfig, bidirectional=True, crf=True),
    }
    for kind in get_args(TrainableModel):
        if not any(isinstance(model, kind) for model in models.values()):
            models[_tag(kind).replace("_", " ")] = _config(kind)
    return models


TINY_MODELS = _tiny_models()


def make_training(entry: TrainableModel) -> tuple[keras.Model, Callable[[int], float]]:
    """Create a model and its training.

    Returns:
        The model, and a function that runs a step, counted from 1, and returns its loss in nats.
    """
    seeding.seed_everything(SEED)
    task = lookup.get(params.TASK_OF[entry.model])
    spec = ModelSpec(entry, task.name, "words", CLEANING, SEED)
    vocabularies, frame = _random_corpus(task.name)
    model = serialization.build(entry, vocabularies)
    frames = (frame, frame[:VALID_ROWS])
    data = task.training_data(spec, model, frames, vocabularies, SEED)
    batches = list(data.train(1).read())[:STEPS]
    # Each epoch is one step, so that the weights can be compared after every step.
    data = replace(data, train=lambda epoch: EpochBatches(1, lambda: [batches[epoch - 1]]))
    progress = TrainingProgress()
    objective = task.objective(spec, frame, vocabularies)
    trainer = Trainer(model, objective, data, entry, progress)
    silent_bar, signals = console.Progress(lambda amount, remark: None), Signals()

    def run_step(number: int) -> float:
        trainer.begin_epoch(number)
        trainer.train_epoch(silent_bar, signals)
        return progress.losses[-1]

    return model, run_step


def _random_corpus(task: str) -> tuple[Vocabularies, pd.DataFrame]:
    """Return vocabularies and a frame of random words and labels; the seed gives the same ones."""
    schema = task_schemas.get(task)
    words = tuple(map(str, range(VOCABULARY_SIZE - len(SPECIALS))))
    vocabulary = Vocabulary((*SPECIALS, *words), (1,) * VOCABULARY_SIZE, "words")
    random = np.random.default_rng(SEED)
    frame = pd.DataFrame(
        {
            column: [
                " ".join(random.choice(words, length))
                for length in random.integers(LENGTH // 2, LENGTH + 1, ROWS)
            ]
            for column in schema.text_columns
        }
    )
    if schema.labels_per_token:
        tokens = frame[schema.text_columns[0]].str.split()
        frame[schema.label_column] = [" ".join(random.choice(LABELS, len(row))) for row in tokens]
    elif schema.label_column is not None:
        frame[schema.label_column] = random.choice(LABELS, ROWS)
    return Vocabularies(dict.fromkeys(schema.text_columns, vocabulary), LABELS), frame
