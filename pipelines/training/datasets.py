"""Frames and vocabularies -> the batches that `loop.fit` reads, one function a kind of model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.text import batching
from pipelines.text import encoding as encode
from pipelines.text.vocabulary import Vocabularies
from pipelines.training.trainer import Batch, EpochBatches, TrainingData

MATRIX = tf.TensorSpec((None, None), tf.int32)
VECTOR = tf.TensorSpec((None,), tf.int32)
VALID_BATCH = 64


def language_model(
    entry: params.LanguageModel,
    model: keras.Model,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    seed: int,
) -> TrainingData:
    """One contiguous stream in `batch_size` rows, the state carried from batch to batch.

    Raises:
        Refusal: the text is too short for one batch.
    """
    size, steps = entry.batch_size, entry.bptt_steps
    train, valid = (encode.encode_stream(frame, vocabularies) for frame in frames)
    # A short validation text is read in fewer rows, so that there is a batch at all.
    rows = min(size, (len(valid) - 1) // steps)
    if len(train) <= size * steps or rows < 1:
        raise UserError(
            f"models: the corpus '{entry.corpus}' has {len(train):,} tokens to train and "
            f"{len(valid):,} to validate; a batch needs batch_size x bptt_steps = {size * steps:,} "
            f"of the former and bptt_steps = {steps} of the latter: lower batch_size or bptt_steps."
        )

    def cut(epoch: int) -> list[int]:
        if entry.random_bptt_steps:
            return batching.random_steps(len(train), size, steps, seed, epoch)
        return batching.even_steps(len(train), size, steps)

    def read(epoch: int) -> EpochBatches:
        drawn = cut(epoch)
        return EpochBatches(len(drawn), lambda: batching.contiguous(train, size, drawn))

    def weight(batch: Batch) -> float:
        """A short batch is a short step (Merity et al. 2017, section 4.1)."""
        return batch[0].shape[1] / steps

    unread = batching.even_steps(len(valid), rows, steps)
    shape = tf.TensorSpec((size, None if entry.random_bptt_steps else steps), tf.int32)
    valid_shape = tf.TensorSpec((rows, steps), tf.int32)
    return TrainingData(
        train=read,
        valid=EpochBatches(len(unread), lambda: batching.contiguous(valid, rows, unread)),
        tokens=size * sum(cut(1)),
        state=model.zero_state(size),
        valid_state=model.zero_state(rows),
        signature=(shape, shape),
        valid_signature=(valid_shape, valid_shape),
        unit=_unit(vocabularies),
        weight=weight,
    )


def classifier(
    entry: params.Classifier | params.BagOfWords,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    seed: int,
) -> TrainingData:
    """Sentences and labels, batched by length."""
    words = vocabularies.columns["text"]

    def side(frame: pd.DataFrame) -> EncodedSplit:
        rows = [[row] for row in encode.encode_rows(frame["text"], words)]
        labels = encode.encode_labels(frame["label"], vocabularies)
        return EncodedSplit(rows, lambda rows, at: (_padded(rows, at, 0), labels[at]))

    train, valid = side(frames[0]), side(frames[1])
    return _bucketed(entry, train, valid, seed, (MATRIX, VECTOR), vocabularies)


def seq2seq(
    entry: params.Seq2Seq,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    seed: int,
) -> TrainingData:
    """Source and target sentences, batched by the length of the target and then of the source: a
    padded target position costs a softmax.

    With `resample` each epoch cuts the training text into other sub-words.
    """

    def side(frame: pd.DataFrame, epoch: int | None) -> EncodedSplit:
        columns = []
        for column, ends in (("target", True), ("source", False)):
            words = vocabularies.columns[column]
            if epoch is None or entry.subword_sampling is None:
                columns.append(encode.encode_rows(frame[column], words, ends=ends))
            else:
                drawn = words.resampled(list(frame[column]), entry.subword_sampling, seed + epoch)
                columns.append([encode.add_boundaries(ids) if ends else ids for ids in drawn])
        rows = [list(pair) for pair in zip(*columns, strict=True)]
        return EncodedSplit(rows, lambda rows, at: (_padded(rows, at, 1), _padded(rows, at, 0)))

    train, valid = side(frames[0], None), side(frames[1], None)
    fresh = (lambda epoch: side(frames[0], epoch)) if entry.subword_sampling else None
    return _bucketed(entry, train, valid, seed, (MATRIX, MATRIX), vocabularies, fresh)


@dataclass(frozen=True)
class EncodedSplit:
    """One split: the sequences of each example, and how some examples become a batch."""

    rows: list[list[encode.Ids]]
    batch: Callable[[list[list[encode.Ids]], npt.NDArray[np.int64]], Batch]

    def lengths(self) -> batching.Lengths:
        """(N, K)."""
        return np.array([[len(ids) for ids in row] for row in self.rows], dtype=np.int64)

    def read(self, indices: list[npt.NDArray[np.int64]]) -> EpochBatches:
        """Batches of these examples."""
        return EpochBatches(len(indices), lambda: (self.batch(self.rows, at) for at in indices))


def _padded(
    rows: list[list[encode.Ids]], indices: npt.NDArray[np.int64], column: int
) -> encode.Ids:
    return batching.pad([rows[i][column] for i in indices])


def _bucketed(
    entry: params.BagOfWords | params.Classifier | params.Seq2Seq,
    train: EncodedSplit,
    valid: EncodedSplit,
    seed: int,
    signature: Any,
    vocabularies: Vocabularies,
    fresh: Callable[[int], EncodedSplit] | None = None,
) -> TrainingData:
    """`fresh` is the training side of an epoch, where that differs from one to the next."""

    def read(epoch: int) -> EpochBatches:
        side = train if fresh is None else fresh(epoch)
        sizes = {"batch_size": entry.batch_size, "batch_tokens": entry.batch_tokens}
        return side.read(batching.bucketed(side.lengths(), seed, epoch, **sizes))

    lengths = train.lengths()[:, 0]
    # Of a target, `<s>` is given and never predicted.
    tokens = int(lengths.sum()) - (len(lengths) if entry.model == "seq2seq" else 0)
    order = batching.by_length(list(valid.lengths()[:, 0]), VALID_BATCH)
    unit = _unit(vocabularies)
    return TrainingData(read, valid.read(order), tokens, (), (), signature, signature, unit)


def _unit(vocabularies: Vocabularies) -> str:
    """What tokens are called in rates."""
    kind = next(iter(vocabularies.columns.values())).kind
    named = {"characters": "characters", "bpe": "sub-words", "unigram": "sub-words"}
    return named.get(kind, "words")
