"""Train one model from its card: first weights, batches, loop. One function for each family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pandas as pd

from pipelines import params
from pipelines.models import saved
from pipelines.text.vocabulary import Vocabularies
from pipelines.training import data, device, loop, objectives, seeding

Frames = tuple[pd.DataFrame, pd.DataFrame]  # train and valid
OnEpoch = Callable[[dict[str, float]], None]
Scored = Callable[[keras.Model], loop.Score]  # a model -> how it is scored in validation
Trained = tuple[keras.Model, pd.DataFrame]  # the model of the best epoch, and the history


def language_model(
    card: saved.Card[params.LanguageModel],
    frames: Frames,
    vocabularies: Vocabularies,
    on_epoch: OnEpoch,
) -> Trained:
    """Truncated backpropagation through time over one stream, the state carried."""
    model = _start(card, vocabularies)
    batches = data.language_model(card.entry, model, frames, vocabularies, card.tokens)
    return _fit(card, model, objectives.next_token, batches, on_epoch)


def classifier(
    card: saved.Card[params.Classifier | params.BagOfWords],
    frames: Frames,
    vocabularies: Vocabularies,
    on_epoch: OnEpoch,
) -> Trained:
    """A label for each text; recurrent or on word counts."""
    batches = data.classifier(card.entry, frames, vocabularies, card.tokens, card.seed)
    return _fit(card, _start(card, vocabularies), objectives.label, batches, on_epoch)


def seq2seq(
    card: saved.Card[params.Seq2Seq],
    frames: Frames,
    vocabularies: Vocabularies,
    on_epoch: OnEpoch,
    scored: Scored | None = None,
) -> Trained:
    """Teacher forcing: each target token from the source and the right tokens before it.

    `scored` decides which epoch is best: BLEU goes on rising after the validation loss does.
    """
    batches = data.seq2seq(card.entry, frames, vocabularies, card.tokens, card.seed)
    model = _start(card, vocabularies)
    score = scored(model) if scored is not None else None
    return _fit(card, model, objectives.translation, batches, on_epoch, score)


def _start(card: saved.Card[params.Model], vocabularies: Vocabularies) -> keras.Model:
    seeding.seed_everything(card.seed)
    return saved.build(card.entry, vocabularies)


def _fit(
    card: saved.Card[Any],
    model: keras.Model,
    objective: Any,
    batches: loop.Data,
    on_epoch: OnEpoch,
    score: loop.Score | None = None,
) -> Trained:
    history = loop.fit(
        model,
        objective,
        batches,
        epochs=card.entry.epochs,
        optimizer=card.entry.optimizer,
        on_epoch=on_epoch,
        score=score,
        xla=device.uses_xla(card.entry),
    )
    return model, history
