"""Train one model from its card: first weights, batches, loop. One function for each family."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import pandas as pd

from pipelines import params
from pipelines.models import saved
from pipelines.models.interpolated import Interpolated
from pipelines.models.ngram import NGram
from pipelines.text import ids as encode
from pipelines.text.vocabulary import Vocabularies
from pipelines.training import data, device, loop, objectives, seeding

Frames = tuple[pd.DataFrame, pd.DataFrame]  # train and valid
OnEpoch = Callable[[dict[str, float]], None]
# A model -> how it is scored in validation, if by anything else than its loss.
Scored = Callable[[keras.Model], loop.Score] | None
Trained = tuple[Any, pd.DataFrame]  # the model of the best epoch, and the history
Prepared = Callable[[keras.Model], None]  # what is done to a new model before it is trained


def language_model(
    card: saved.Card[params.LanguageModel],
    frames: Frames,
    vocabularies: Vocabularies,
    on_epoch: OnEpoch,
    scored: Scored = None,
) -> Trained:
    """Truncated backpropagation through time over one stream, the state carried.

    The history is the network's alone; with `ngram` a Markov model of the same stream joins it.
    """

    def one(model: keras.Model, seed: int) -> tuple[objectives.Objective, loop.Data]:
        batches = data.language_model(card.entry, model, frames, vocabularies, seed)
        return objectives.next_token, batches

    network, history = _train(card, vocabularies, one, on_epoch, scored)
    extra = card.entry.ngram
    if extra is None:
        return network, history
    stream, size = encode.stream(frames[0], vocabularies), len(vocabularies.columns["text"])
    counted = NGram.count(stream, extra.order, size, extra.smoothing)
    return Interpolated(network, counted, extra.share), history


def classifier(
    card: saved.Card[params.Classifier | params.BagOfWords],
    frames: Frames,
    vocabularies: Vocabularies,
    on_epoch: OnEpoch,
    scored: Scored = None,
    prepared: Prepared | None = None,
) -> Trained:
    """A label for each text; recurrent or on word counts."""
    objective: objectives.Objective = objectives.label
    if card.entry.class_weights is not None:
        known = encode.labels(frames[0]["label"], vocabularies)
        weights = objectives.balanced(known, len(vocabularies.labels))
        objective = objectives.weighted_label(weights)

    def one(model: keras.Model, seed: int) -> tuple[objectives.Objective, loop.Data]:
        return objective, data.classifier(card.entry, frames, vocabularies, seed)

    return _train(card, vocabularies, one, on_epoch, scored, prepared)


def seq2seq(
    card: saved.Card[params.Seq2Seq],
    frames: Frames,
    vocabularies: Vocabularies,
    on_epoch: OnEpoch,
    scored: Scored = None,
) -> Trained:
    """Teacher forcing: each target token from the source and the right tokens before it.

    `scored` decides which epoch is best: BLEU goes on rising after the validation loss does.
    """
    entry = card.entry
    objective = objectives.translation(entry.label_smoothing, entry.scheduled_sampling)

    def one(model: keras.Model, seed: int) -> tuple[objectives.Objective, loop.Data]:
        return objective, data.seq2seq(entry, frames, vocabularies, seed)

    return _train(card, vocabularies, one, on_epoch, scored)


def _train(
    card: saved.Card[Any],
    vocabularies: Vocabularies,
    one: Callable[[keras.Model, int], tuple[objectives.Objective, loop.Data]],
    on_epoch: OnEpoch,
    scored: Scored,
    prepared: Prepared | None = None,
) -> Trained:
    """One model, or as an ensemble several from successive seeds, one after the other."""
    members: list[keras.Model] = []
    rows: list[dict[str, float]] = []
    for seed in range(card.seed, card.seed + (card.entry.ensemble or 1)):
        seeding.seed_everything(seed)
        model = saved.build(card.entry, vocabularies)
        if prepared is not None:
            prepared(model)
        objective, batches = one(model, seed)
        behind = {key: rows[-1][key] if rows else 0 for key in ("epoch", "tokens")}

        def kept(row: dict[str, float], behind: dict[str, float] = behind) -> None:
            """Epochs and tokens go on counting from one member to the next."""
            rows.append(row | {key: row[key] + behind[key] for key in behind})
            on_epoch(rows[-1])

        loop.fit(
            model,
            objective,
            batches,
            card.entry,
            on_epoch=kept,
            score=scored(model) if scored is not None else None,
            xla=device.uses_xla(card.entry),
        )
        members.append(model)
    history = pd.DataFrame(rows).astype({"epoch": "int64", "tokens": "int64"})
    return saved.together(members), history
