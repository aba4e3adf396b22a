"""Proposed models of a corpus: a baseline and a recurrent model, sized to a training time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from pipelines.proposals.corpora import Sizes

SECONDS = 100.0  # of the training of a model, on two CPU cores with other work
TOKENS_PER_SECOND = 60_000.0  # of a network without weights
PRODUCTS_PER_SECOND = 1.2e10  # weights times tokens, in training
UNITS = (256, 128, 64, 32)
MIN_EPOCHS, MAX_EPOCHS = 4, 30
STEPS = 1000  # after which a small corpus has been learnt
OPTIMIZER = {"name": "adam", "learning_rate": 0.002, "schedule": "linear", "clip_norm": 1.0}


class ModelProposal(NamedTuple):
    """Model of a corpus.

    Attributes:
        family: section of `models`.
        name: of the model.
        values: of its keys.
        reason: why it is there, and what its size is.
    """

    family: str
    name: str
    values: Mapping[str, Any]
    reason: str


class _Size(NamedTuple):
    """Units of each layer, epochs, and about how many seconds they take."""

    units: int
    epochs: int
    seconds: float

    @property
    def reason(self) -> str:
        """Sentence on the training time."""
        minutes = max(0.1, self.seconds / 60)
        epochs = "an epoch takes" if self.epochs == 1 else f"{self.epochs} epochs take"
        return f"{epochs} about {minutes:.1f} minutes on two cores"


def propose_models(corpus: str, task: str, tokens: str, sizes: Sizes) -> list[ModelProposal]:
    """Return a baseline and a recurrent model.

    Args:
        corpus: name of the corpus.
        task: of the corpus.
        tokens: kind of its tokens.
        sizes: of the corpus.
    """
    if task == "language_modelling":
        return _language_models(corpus, tokens, sizes)
    if task == "classification":
        return _classifiers(corpus, tokens, sizes)
    if task == "tagging":
        return _taggers(corpus, sizes)
    return _translators(corpus, sizes)


def _fit(sizes: Sizes, softmax: bool, batch: int, most: int) -> _Size:
    """Return the largest network with enough epochs within `SECONDS`.

    Args:
        sizes: of the corpus.
        softmax: whether every token of the last column is predicted.
        batch: rows of a batch.
        most: maximum number of units.
    """
    wanted = math.ceil(STEPS * batch / sizes.rows)
    wanted = min(MAX_EPOCHS, max(MIN_EPOCHS, wanted))
    if sizes.rows < 2000:
        most = min(most, 128)
    size = _Size(UNITS[-1], 1, 0.0)
    for units in (units for units in UNITS if units <= most):
        products = 16 * units * units * sum(sizes.tokens)  # both directions, or two layers
        if softmax:
            products += units * sizes.vocabulary * sizes.tokens[-1]
        row = sum(sizes.tokens) / TOKENS_PER_SECOND + products / PRODUCTS_PER_SECOND
        epochs = min(wanted, int(SECONDS / (row * sizes.rows)))
        size = _Size(units, max(1, epochs), row * sizes.rows * max(1, epochs))
        if epochs >= MIN_EPOCHS:
            break
    return size


def _language_models(corpus: str, tokens: str, sizes: Sizes) -> list[ModelProposal]:
    characters = tokens == "characters"
    total = sizes.rows * sizes.tokens[0]
    orders = [3, 4, 5, 6, 7] if characters else [2, 3, 4]
    if total > 10_000_000:
        orders = orders[:2]
    streams = 32 if total > 100_000 else 8
    steps = 64 if characters else 35
    batch = max(1, round(streams * steps / max(1.0, sizes.tokens[0])))  # in rows
    size = _fit(sizes, not characters, batch, 256)
    return [
        ModelProposal(
            "baseline",
            f"{corpus}-kneser-ney",
            {"model": "ngram", "corpus": corpus, "order": orders, "smoothing": "kneser_ney"},
            "counts of n-grams, a strong baseline that takes seconds",
        ),
        ModelProposal(
            "lstm",
            f"{corpus}-lstm",
            {
                **_network("language_model", corpus, size.units, 0.2),
                "batch_size": streams,
                "bptt_steps": steps,
                **_training(size),
            },
            size.reason,
        ),
    ]


def _classifiers(corpus: str, tokens: str, sizes: Sizes) -> list[ModelProposal]:
    ngrams = 4 if tokens == "characters" else 2
    size = _fit(sizes, False, 64, 128)
    return [
        ModelProposal(
            "baseline",
            f"{corpus}-logistic",
            {
                "model": "logistic_regression",
                "corpus": corpus,
                "ngrams": ngrams,
                "min_count": 2 if sizes.rows >= 1000 else 1,
                "sublinear_tf": True,
                "c_values": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0],
            },
            f"logistic regression on up to {ngrams} tokens in a row, the baseline to beat",
        ),
        ModelProposal(
            "lstm",
            f"{corpus}-lstm",
            {
                **_network("classifier", corpus, size.units, 0.5, bidirectional=True),
                "pooling": "max",
                "batch_size": 64 if sizes.rows >= 2000 else 16,
                **_training(size),
            },
            size.reason,
        ),
    ]


def _taggers(corpus: str, sizes: Sizes) -> list[ModelProposal]:
    size = _fit(sizes, False, 32, 128)
    tagger = {
        **_network("tagger", corpus, size.units, 0.5, bidirectional=True),
        "batch_size": 32 if sizes.rows >= 2000 else 16,
        **_training(size),
    }
    return [
        ModelProposal("lstm", f"{corpus}-softmax", tagger, f"each tag by itself; {size.reason}"),
        ModelProposal(
            "lstm",
            f"{corpus}-crf",
            {**tagger, "crf": True},
            f"all tags of a sentence together; {size.reason}",
        ),
    ]


def _translators(corpus: str, sizes: Sizes) -> list[ModelProposal]:
    size = _fit(sizes, True, 64, 256)

    def translator(attention: str) -> dict[str, Any]:
        return {
            **_network("seq2seq", corpus, size.units, 0.3, bidirectional=True),
            "attention": attention,
            "batch_size": 64 if sizes.rows >= 5000 else 32,
            **_training(size),
        }

    return [
        ModelProposal(
            "seq2seq",
            f"{corpus}-fixed",
            translator("none"),
            f"the baseline: one vector between encoder and decoder; {size.reason}",
        ),
        ModelProposal(
            "seq2seq",
            f"{corpus}-attention",
            translator("general"),
            f"differs in attention only; {size.reason}",
        ),
    ]


def _network(model: str, corpus: str, units: int, dropout: float, **more: object) -> dict[str, Any]:
    return {
        "model": model,
        "corpus": corpus,
        "cell": "lstm",
        "embedding": units,
        "units": units,
        "layers": 1,
        **more,
        "dropout": dropout,
    }


def _training(size: _Size) -> dict[str, Any]:
    return {"epochs": size.epochs, "optimizer": OPTIMIZER}
