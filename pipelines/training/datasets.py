"""Training data: the batches that the trainer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import tensorflow as tf

from pipelines.config import params
from pipelines.text import batching, encoding
from pipelines.text.vocabulary import Vocabularies, Vocabulary
from pipelines.training.mapped_ids import MappedRows
from pipelines.training.unknown_words import UnknownReplacement

Batch = tuple[Any, Any]
Read = Callable[[int, int], encoding.Ids]

MATRIX = tf.TensorSpec((None, None), tf.int32)
VECTOR = tf.TensorSpec((None,), tf.int32)
VALID_BATCH_SIZE = 64


@dataclass(frozen=True)
class EpochBatches:
    """Batches of one epoch: their number, and a function that reads them."""

    count: int
    read: Callable[[], Iterable[Batch]]


@dataclass(frozen=True)
class TrainingData:
    """Batches of one training run.

    Attributes:
        train: returns the batches of an epoch, counted from 1: always the same for one epoch.
        valid: all validation batches.
        tokens_per_epoch: training tokens read in an epoch; for translation, target tokens.
        initial_state: state before the first batch; each batch passes its own to the next.
        valid_state: the same for validation.
        signature: tensor specs of a training batch, so that the step is compiled once.
        valid_signature: the same for validation.
        unit: the kind of token, `words` or `characters` for instance.
        learning_rate_scale: factor of a batch's learning rate.
    """

    train: Callable[[int], EpochBatches]
    valid: EpochBatches
    tokens_per_epoch: int
    initial_state: Any
    valid_state: Any
    signature: Any
    valid_signature: Any
    unit: str
    learning_rate_scale: Callable[[Batch], float] = lambda batch: 1.0


@dataclass(frozen=True)
class EncodedSplit:
    """Encoded examples of a split.

    Attributes:
        rows: the sequences of ids of each example.
        batch: makes a batch of the examples at some indices, with a function that reads a
            sequence: (index, column) -> ids.
        sequences: number of sequences by whose length examples are sorted, the first ones.
        replacement: column in which rare words are read as unknown, and how.
    """

    rows: MappedRows
    batch: Callable[[Read, batching.Indices], Batch]
    sequences: int
    replacement: tuple[int, UnknownReplacement] | None = None

    def lengths(self) -> batching.Lengths:
        """Return the length of each sequence of each example, (N, K)."""
        return self.rows.lengths(self.sequences)

    def batches(self, order: list[batching.Indices]) -> EpochBatches:
        """Return the batches of these indices."""
        return EpochBatches(
            len(order), lambda: (self.batch(self._read, indices) for indices in order)
        )

    def _read(self, index: int, column: int) -> encoding.Ids:
        ids = self.rows.read(index, column)
        if self.replacement is None or self.replacement[0] != column:
            return ids
        return self.replacement[1](ids, self.rows.place(index, column))


def pad_column(read: Read, indices: batching.Indices, column: int) -> encoding.Ids:
    """Pad one sequence of each example at some indices to the same length, (B, T)."""
    return batching.pad([read(index, column) for index in indices.tolist()])


def unknown_replacement(
    config: params.BucketedConfig,
    train: EncodedSplit,
    column: int,
    vocabulary: Vocabulary,
    seed: int,
) -> Callable[[int], EncodedSplit] | None:
    """Return a function that reads rare words of an epoch as unknown; None if that is disabled.

    Args:
        config: has the option `unknown_replacement`.
        train: the training split.
        column: position of the sequence that the model reads.
        vocabulary: of this sequence.
        seed: seed of the draws, which differ between epochs.
    """
    alpha = config.unknown_replacement
    if alpha is None:
        return None

    def resample(epoch: int) -> EncodedSplit:
        replacement = UnknownReplacement(vocabulary, alpha, seed, epoch)
        return replace(train, replacement=(column, replacement))

    return resample


def bucketed_data(
    config: params.BucketedConfig,
    train: EncodedSplit,
    valid: EncodedSplit,
    *,
    tokens: int,
    seed: int,
    signature: Any,
    vocabularies: Vocabularies,
    resample: Callable[[int], EncodedSplit] | None = None,
) -> TrainingData:
    """Batch examples by length.

    Args:
        config: batch size in rows or tokens.
        train: the training split.
        valid: the validation split.
        tokens: training tokens read in an epoch.
        seed: shuffles the examples.
        signature: tensor specs of a batch.
        vocabularies: name the unit of tokens.
        resample: returns the training split of an epoch, if it differs between epochs.
    """

    @lru_cache(1)
    def read(epoch: int) -> EpochBatches:
        split = train if resample is None else resample(epoch)
        sizes = {"batch_size": config.batch_size, "batch_tokens": config.batch_tokens}
        return split.batches(batching.bucketed_batches(split.lengths(), seed, epoch, **sizes))

    valid_order = batching.batches_by_length(valid.lengths()[:, 0], VALID_BATCH_SIZE)
    return TrainingData(
        train=read,
        valid=valid.batches(valid_order),
        tokens_per_epoch=tokens,
        initial_state=(),
        valid_state=(),
        signature=signature,
        valid_signature=signature,
        unit=token_unit(vocabularies),
    )


def token_unit(vocabularies: Vocabularies) -> str:
    """Return the plural noun for tokens in rates such as words per second."""
    kind = next(iter(vocabularies.columns.values())).kind
    units = {"characters": "characters", "bpe": "sub-words", "unigram": "sub-words"}
    return units.get(kind, "words")
