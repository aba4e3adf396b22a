"""Training of each kind of model from its spec."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import pandas as pd

from pipelines.config import params
from pipelines.models import serialization
from pipelines.models.interpolated import Interpolated
from pipelines.models.ngram import NGram
from pipelines.text import encoding
from pipelines.text.vocabulary import Vocabularies
from pipelines.training import datasets, objectives
from pipelines.training.callbacks import Callback
from pipelines.training.checkpoints import CheckpointManager
from pipelines.training.result import TrainingResult
from pipelines.training.trainer import Sampler, train_model
from pipelines.training.validation import ValidationScore

Frames = tuple[pd.DataFrame, pd.DataFrame]  # train and valid


def language_model(
    spec: serialization.ModelSpec[params.LanguageModel],
    frames: Frames,
    vocabularies: Vocabularies,
    callbacks: Sequence[Callback] = (),
    checkpoints: CheckpointManager | None = None,
    score: ValidationScore | None = None,
    sample: Sampler | None = None,
) -> TrainingResult:
    """Train by truncated backpropagation through time over one stream with carried states.

    The history is that of the network alone. With `ngram` the model is interpolated with an n-gram
    model of the same stream.
    """

    def make_data(model: keras.Model, seed: int) -> datasets.TrainingData:
        return datasets.language_model(spec.entry, model, frames, vocabularies, seed)

    result = train_model(
        spec,
        vocabularies,
        objectives.next_token_loss,
        make_data,
        callbacks,
        checkpoints,
        score=score,
        sample=sample,
    )
    config = spec.entry.ngram
    if config is None:
        return result
    stream = encoding.encode_stream(frames[0], vocabularies)
    size = len(vocabularies.columns["text"])
    ngram = NGram.count(stream, config.order, size, config.smoothing)
    return result._replace(model=Interpolated(result.model, ngram, config.weight))


def classifier(
    spec: serialization.ModelSpec[params.Classifier | params.BagOfWords],
    frames: Frames,
    vocabularies: Vocabularies,
    callbacks: Sequence[Callback] = (),
    checkpoints: CheckpointManager | None = None,
    score: ValidationScore | None = None,
    sample: Sampler | None = None,
    prepare: Callable[[keras.Model], None] | None = None,
) -> TrainingResult:
    """Train a classifier, recurrent or on word counts."""
    objective: objectives.Objective = objectives.label_loss
    if spec.entry.class_weights is not None:
        labels = encoding.encode_labels(frames[0]["label"], vocabularies)
        weights = objectives.balanced_weights(labels, len(vocabularies.labels))
        objective = objectives.weighted_label_loss(weights)

    def make_data(model: keras.Model, seed: int) -> datasets.TrainingData:
        return datasets.classifier(spec.entry, frames, vocabularies, seed)

    return train_model(
        spec,
        vocabularies,
        objective,
        make_data,
        callbacks,
        checkpoints,
        score=score,
        sample=sample,
        prepare=prepare,
    )


def seq2seq(
    spec: serialization.ModelSpec[params.Seq2Seq],
    frames: Frames,
    vocabularies: Vocabularies,
    callbacks: Sequence[Callback] = (),
    checkpoints: CheckpointManager | None = None,
    score: ValidationScore | None = None,
    sample: Sampler | None = None,
) -> TrainingResult:
    """Train by teacher forcing: predict each target token from the source and the right prefix.

    The best epoch should be chosen by `score`: BLEU goes on rising when the validation loss does.
    """
    config = spec.entry
    objective = objectives.translation_loss(config.label_smoothing, config.scheduled_sampling)

    def make_data(model: keras.Model, seed: int) -> datasets.TrainingData:
        return datasets.seq2seq(config, frames, vocabularies, seed)

    return train_model(
        spec,
        vocabularies,
        objective,
        make_data,
        callbacks,
        checkpoints,
        score=score,
        sample=sample,
    )
