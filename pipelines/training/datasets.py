"""Training data: the batches that the trainer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from pipelines.config import params
from pipelines.text import batching, encoding
from pipelines.text.vocabulary import Vocabularies, Vocabulary
from pipelines.training import unknown_words

Batch = tuple[Any, Any]

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
        examples: the sequences of ids of each example.
        batch: makes a batch of the examples at some indices.
    """

    examples: list[list[encoding.Ids]]
    batch: Callable[[list[list[encoding.Ids]], npt.NDArray[np.int64]], Batch]

    def lengths(self) -> batching.Lengths:
        """Return the length of each sequence of each example, (N, K)."""
        lengths = [[len(ids) for ids in sequences] for sequences in self.examples]
        return np.array(lengths, dtype=np.int64)

    def batches(self, order: list[npt.NDArray[np.int64]]) -> EpochBatches:
        """Return the batches of these indices."""
        return EpochBatches(
            len(order), lambda: (self.batch(self.examples, indices) for indices in order)
        )


def pad_column(
    examples: list[list[encoding.Ids]], indices: npt.NDArray[np.int64], column: int
) -> encoding.Ids:
    """Pad one sequence of each example at some indices to the same length, (B, T)."""
    return batching.pad([examples[i][column] for i in indices])


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
    rows = [sequences[column] for sequences in train.examples]

    def resample(epoch: int) -> EncodedSplit:
        replaced = unknown_words.replace_rare_words(rows, vocabulary, alpha, seed, epoch)
        examples = [
            [*sequences[:column], ids, *sequences[column + 1 :]]
            for sequences, ids in zip(train.examples, replaced, strict=True)
        ]
        return replace(train, examples=examples)

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

    def read(epoch: int) -> EpochBatches:
        split = train if resample is None else resample(epoch)
        sizes = {"batch_size": config.batch_size, "batch_tokens": config.batch_tokens}
        return split.batches(batching.bucketed_batches(split.lengths(), seed, epoch, **sizes))

    valid_order = batching.batches_by_length(list(valid.lengths()[:, 0]), VALID_BATCH_SIZE)
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
