"""A small model of each kind of layer, and random batches for it. B batch, T steps, V vocabulary.

Large enough that TensorFlow shares a product among its threads, small enough that all of them are
trained twice in half a minute.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import keras
import numpy as np
import tensorflow as tf

from pipelines import console
from pipelines.config import params
from pipelines.models import serialization
from pipelines.text.subwords import SPECIALS
from pipelines.text.vocabulary import PAD, Vocabularies, Vocabulary
from pipelines.training import device, objectives, seeding
from pipelines.training.datasets import Batch, EpochBatches, TrainingData
from pipelines.training.progress import TrainingProgress
from pipelines.training.signals import Signals
from pipelines.training.steps import TrainableModel
from pipelines.training.trainer import Trainer

STEPS = 20
SEED = 1
BATCH, WORDS, VOCABULARY, LABELS = 32, 12, 1000, ("a", "b", "c")
OPTIMIZER = {"name": "adam", "learning_rate": 1e-3, "schedule": "constant", "clip_norm": 1.0}
TRAINED = {"corpus": "random", "dropout": 0.0, "batch_size": BATCH, "epochs": STEPS}
RECURRENT = {"cell": "lstm", "embedding": 96, "units": 96, "layers": 1}


def _language_model(**changes: Any) -> params.LanguageModelConfig:
    own = {"model": "language_model", "bptt_steps": WORDS}
    return params.LanguageModelConfig.model_validate(_described(own | RECURRENT, changes))


def _classifier(**changes: Any) -> params.ClassifierConfig:
    own = {"model": "classifier", "bidirectional": True}
    return params.ClassifierConfig.model_validate(_described(own | RECURRENT, changes))


def _seq2seq(**changes: Any) -> params.Seq2SeqConfig:
    own = {"model": "seq2seq", "bidirectional": False}
    return params.Seq2SeqConfig.model_validate(_described(own | RECURRENT, changes))


def _described(own: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    return {**TRAINED, "optimizer": OPTIMIZER, **own, **changes}


# By what each is the smallest model of.
TINY_MODELS: dict[str, TrainableModel] = {
    **{cell: _language_model(cell=cell) for cell in params.cell_names()},
    "dropout": _language_model(dropout=0.3),
    "variational dropout": _language_model(dropout=0.3, variational=True),
    "weight drop": _language_model(weight_drop=0.3),
    **{
        f"{score} attention": _seq2seq(attention=score)
        for score in get_args(params.Score)
        if score != "none"
    },
    **{f"{pooling} pooling": _classifier(pooling=pooling) for pooling in get_args(params.Pooling)},
    "bag of words": params.BagOfWordsConfig.model_validate(
        _described({"model": "bag_of_words", "hidden": (128,)}, {})
    ),
}


def begin(entry: TrainableModel) -> tuple[keras.Model, Callable[[int], float]]:
    """A new model, and its training: the number of a step, from 1 -> its loss in nats."""
    seeding.seed_everything(SEED)
    model = serialization.build(entry, _vocabularies())
    batches = _batches(entry)
    signature = tf.nest.map_structure(
        lambda part: tf.TensorSpec(part.shape, tf.int32), tuple(batches[0])
    )
    state = model.zero_state(BATCH) if entry.model == "language_model" else ()

    def one(epoch: int) -> EpochBatches:
        return EpochBatches(1, lambda: [batches[epoch - 1]])

    data = TrainingData(one, one(1), 1, state, state, signature, signature, "words")
    progress = TrainingProgress()
    xla = device.uses_xla(entry)
    trainer = Trainer(model, _objective(entry), data, entry, progress, xla)
    silent_bar, signals = console.Progress(lambda amount, remark: None), Signals()

    def step(number: int) -> float:
        trainer.begin_epoch(number)
        trainer.train_epoch(silent_bar, signals)
        return progress.losses[-1]

    return model, step


def _vocabularies() -> Vocabularies:
    tokens = (*SPECIALS, *map(str, range(VOCABULARY - len(SPECIALS))))
    words = Vocabulary(tokens, (1,) * VOCABULARY, "words")
    return Vocabularies(dict.fromkeys(("text", "source", "target"), words), LABELS)


def _objective(entry: TrainableModel) -> objectives.Objective:
    if entry.model == "language_model":
        return objectives.next_token_loss
    if entry.model == "seq2seq":
        return objectives.translation_loss(entry.label_smoothing, entry.scheduled_sampling)
    return objectives.label_loss


def _batches(entry: TrainableModel) -> list[Batch]:
    """The same ones at every call: ids (B, T) with next ids, a target or labels (B,)."""
    random = np.random.default_rng(SEED)
    found: list[Batch] = []
    for _ in range(STEPS):
        ids = random.integers(len(SPECIALS), VOCABULARY, (2, BATCH, WORDS + 1)).astype(np.int32)
        lengths = random.integers(WORDS // 2, WORDS + 1, BATCH)
        padded = np.where(np.arange(WORDS) < lengths[:, None], ids[0, :, :-1], PAD)
        if entry.model == "language_model":
            found.append((ids[0, :, :-1], ids[0, :, 1:]))
        elif entry.model == "seq2seq":
            found.append((padded, ids[1]))
        else:
            found.append((padded, random.integers(0, len(LABELS), BATCH).astype(np.int32)))
    return found
