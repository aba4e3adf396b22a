"""Frames and vocabularies -> the batches that `loop.fit` reads, one function a kind of model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from pipelines import batches, params
from pipelines.errors import Refusal
from pipelines.text import ids as encode
from pipelines.text.vocabulary import Vocabularies
from pipelines.training.loop import Batch, Data

MATRIX = tf.TensorSpec((None, None), tf.int32)
VECTOR = tf.TensorSpec((None,), tf.int32)


def language_model(
    entry: params.LanguageModel,
    model: keras.Model,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    tokens: params.Tokens,
) -> Data:
    """One contiguous stream in `batch_size` rows, the state carried from batch to batch.

    Raises:
        Refusal: the text is too short for one batch.
    """
    size, steps = entry.batch_size, entry.steps
    train, valid = (encode.stream(frame, vocabularies, tokens) for frame in frames)
    # A short validation text is read in fewer rows, so that there is a batch at all.
    rows = min(size, (len(valid) - 1) // steps)
    if len(train) <= size * steps or rows < 1:
        raise Refusal(
            f"models: the corpus '{entry.corpus}' has {len(train):,} tokens to train and "
            f"{len(valid):,} to validate; a batch needs batch_size x steps = {size * steps:,} of "
            f"the former and steps = {steps} of the latter: lower batch_size or steps."
        )
    shape, valid_shape = (tf.TensorSpec((many, steps), tf.int32) for many in (size, rows))
    count = batches.contiguous_batches(len(train), size, steps)
    return Data(
        train=lambda epoch: batches.contiguous(train, size, steps),
        valid=lambda: batches.contiguous(valid, rows, steps),
        batches=count,
        tokens=count * size * steps,
        state=model.zero_state(size),
        valid_state=model.zero_state(rows),
        signature=(shape, shape),
        valid_signature=(valid_shape, valid_shape),
        unit=tokens,
    )


def classifier(
    entry: params.Classifier | params.BagOfWords,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    tokens: params.Tokens,
    seed: int,
) -> Data:
    """Sentences and labels, batched by length."""
    pairs = []
    for frame in frames:
        rows = encode.rows(frame["text"], vocabularies.columns["text"], tokens)
        pairs.append((rows, encode.labels(frame["label"], vocabularies)))

    def batch(split: int, indices: npt.NDArray[np.int64]) -> Batch:
        rows, labels = pairs[split]
        return batches.pad([rows[i] for i in indices]), labels[indices]

    lengths = [[len(row) for row in rows] for rows, _ in pairs]
    read = sum(lengths[0])
    return _bucketed(batch, lengths, entry.batch_size, seed, (MATRIX, VECTOR), tokens, read)


def seq2seq(
    entry: params.Seq2Seq,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    tokens: params.Tokens,
    seed: int,
) -> Data:
    """Source and target sentences, batched by the length of both."""
    pairs = []
    for frame in frames:
        source = encode.rows(frame["source"], vocabularies.columns["source"], tokens)
        target = encode.rows(frame["target"], vocabularies.columns["target"], tokens, ends=True)
        pairs.append((source, target))

    def batch(split: int, indices: npt.NDArray[np.int64]) -> Batch:
        source, target = pairs[split]
        return batches.pad([source[i] for i in indices]), batches.pad([target[i] for i in indices])

    lengths = [[_both(*pair) for pair in zip(*split, strict=True)] for split in pairs]
    read = sum(len(target) - 1 for target in pairs[0][1])
    return _bucketed(batch, lengths, entry.batch_size, seed, (MATRIX, MATRIX), tokens, read)


def _both(source: encode.Ids, target: encode.Ids) -> int:
    """Sort by the target, where a padded position costs a softmax, and then by the source."""
    return len(target) * 100_000 + len(source)


def _bucketed(
    batch: Any,
    lengths: list[list[int]],
    size: int,
    seed: int,
    signature: Any,
    unit: str,
    tokens: int,
) -> Data:
    def train(epoch: int) -> Iterator[Batch]:
        return (batch(0, indices) for indices in batches.bucketed(lengths[0], size, seed, epoch))

    def valid() -> Iterator[Batch]:
        return (batch(1, indices) for indices in batches.by_length(lengths[1], size))

    pool = batches.POOL * size
    whole, rest = divmod(len(lengths[0]), pool)
    count = whole * batches.POOL + -(-rest // size)
    return Data(train, valid, count, tokens, (), (), signature, signature, unit)
