"""Train one model from its card: first weights, batches, loop. One function for each family."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import keras
import numpy as np
import pandas as pd

from pipelines.config import params
from pipelines.models import serialization
from pipelines.models.interpolated import Interpolated
from pipelines.models.ngram import NGram
from pipelines.text import encoding as encode
from pipelines.text.vocabulary import Vocabularies
from pipelines.training import datasets, device, objectives, seeding, trainer
from pipelines.training.history import TrainingResult
from pipelines.training.progress import Callbacks, TrainingProgress

Frames = tuple[pd.DataFrame, pd.DataFrame]  # train and valid
# A model -> how it is scored in validation, if by anything else than its loss.
Scored = Callable[[keras.Model], trainer.Score | None] | None
Prepared = Callable[[keras.Model], None]  # what is done to a new model before it is trained


def language_model(
    card: serialization.ModelSpec[params.LanguageModel],
    frames: Frames,
    vocabularies: Vocabularies,
    watch: Callbacks,
    scored: Scored = None,
) -> TrainingResult:
    """Truncated backpropagation through time over one stream, the state carried.

    The history is the network's alone; with `ngram` a Markov model of the same stream joins it.
    """

    def one(model: keras.Model, seed: int) -> tuple[objectives.Objective, trainer.TrainingData]:
        batches = datasets.language_model(card.entry, model, frames, vocabularies, seed)
        return objectives.next_token_loss, batches

    trained = _train(card, vocabularies, one, watch, scored)
    extra = card.entry.ngram
    if extra is None:
        return trained
    stream, size = encode.encode_stream(frames[0], vocabularies), len(vocabularies.columns["text"])
    counted = NGram.count(stream, extra.order, size, extra.smoothing)
    return trained._replace(model=Interpolated(trained.model, counted, extra.weight))


def classifier(
    card: serialization.ModelSpec[params.Classifier | params.BagOfWords],
    frames: Frames,
    vocabularies: Vocabularies,
    watch: Callbacks,
    scored: Scored = None,
    prepared: Prepared | None = None,
) -> TrainingResult:
    """A label for each text; recurrent or on word counts."""
    objective: objectives.Objective = objectives.label_loss
    if card.entry.class_weights is not None:
        known = encode.encode_labels(frames[0]["label"], vocabularies)
        weights = objectives.balanced(known, len(vocabularies.labels))
        objective = objectives.weighted_label_loss(weights)

    def one(model: keras.Model, seed: int) -> tuple[objectives.Objective, trainer.TrainingData]:
        return objective, datasets.classifier(card.entry, frames, vocabularies, seed)

    return _train(card, vocabularies, one, watch, scored, prepared)


def seq2seq(
    card: serialization.ModelSpec[params.Seq2Seq],
    frames: Frames,
    vocabularies: Vocabularies,
    watch: Callbacks,
    scored: Scored = None,
) -> TrainingResult:
    """Teacher forcing: each target token from the source and the right tokens before it.

    `scored` decides which epoch is best: BLEU goes on rising after the validation loss does.
    """
    entry = card.entry
    objective = objectives.translation_loss(entry.label_smoothing, entry.scheduled_sampling)

    def one(model: keras.Model, seed: int) -> tuple[objectives.Objective, trainer.TrainingData]:
        return objective, datasets.seq2seq(entry, frames, vocabularies, seed)

    return _train(card, vocabularies, one, watch, scored)


def _train(
    card: serialization.ModelSpec[Any],
    vocabularies: Vocabularies,
    one: Callable[[keras.Model, int], tuple[objectives.Objective, trainer.TrainingData]],
    watch: Callbacks,
    scored: Scored,
    prepared: Prepared | None = None,
) -> TrainingResult:
    """One model, or those of an ensemble or a group of seeds, one after the other."""
    group = params.seeds_of(card.entry)
    past = TrainingProgress.of(watch, group)
    for number, seed in enumerate(card.trained_from):
        seeding.seed_everything(seed)
        model = serialization.build(card.entry, vocabularies)
        if number < len(past.members):
            model.set_weights(past.members[number])
            past.models.append(model)
            continue
        if prepared is not None:
            prepared(model)
        objective, batches = one(model, seed)
        # Of a group the first says what stands in the pictures.
        sampler = None if group and number else watch.sampled(model)
        losses, norms = trainer.train_model(
            model,
            objective,
            batches,
            card.entry,
            on_epoch=partial(past.row, sampler=sampler),
            on_step=past.step,
            on_begin=past.begin_member,
            score=scored(model) if scored is not None else None,
            xla=device.uses_xla(card.entry),
            saves=past.saves(),
        )
        past.end_member(model, losses, norms)
    if watch.board is not None:
        watch.board.end(past.models[0], vocabularies)
    history = pd.DataFrame(past.rows)
    whole = [name for name in ("seed", "epoch", "tokens") if name in history]
    history = history.astype(dict.fromkeys(whole, "int64"))
    return TrainingResult(
        model=serialization.SeedGroup(past.models)
        if group
        else serialization.combine_members(past.models),
        history=history,
        losses=np.array(past.losses),
        norms=np.array(past.norms),
        samples=past.samples,
        seconds=past.seconds,
    )
