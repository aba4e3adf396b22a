"""Texts that several language models write side by side, token by token."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.config import params
from pipelines.inference import sampling
from pipelines.text.vocabulary import END

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor

SECONDS = 0.1  # between two states of the texts


def write_side_by_side(
    predictors: Mapping[str, Predictor], beginning: str, samples: params.Samples
) -> Iterator[dict[str, str]]:
    """Yield what each model has written so far, about ten times a second.

    The models take turns, so that their texts are equally long. The last texts are those of
    `seqproof generate` with the same options.

    Args:
        predictors: language models by name.
        beginning: prepared text of at least one token.
        samples: length and sampling options.
    """
    writers = {name: _write(model, beginning, samples) for name, model in predictors.items()}
    due = time.monotonic() + SECONDS
    texts: dict[str, str] = {}
    for _ in range(samples.length):
        texts = {name: next(writer) for name, writer in writers.items()}
        if time.monotonic() >= due:
            yield texts
            due = time.monotonic() + SECONDS
    yield texts


def _write(predictor: Predictor, beginning: str, samples: params.Samples) -> Iterator[str]:
    """Yield the text after the beginning, longer by a token each time."""
    vocabulary = predictor.vocabularies.columns["text"]
    random = np.random.default_rng(predictor.spec.seed if samples.seed is None else samples.seed)
    step = predictor.cached(_sampler)()
    tokens: list[str] = []
    for token in sampling.sample_tokens(step, vocabulary.encode(beginning), samples, random):
        tokens.append("\n" if token == END else vocabulary.tokens[token])
        yield vocabulary.join(tokens)


def _sampler(predictor: Predictor) -> Any:
    return sampling.make_sampler(predictor.model)
