"""Training data: frames and vocabularies become the batches that the trainer reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import pandas as pd
import tensorflow as tf

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.text import batching, encoding
from pipelines.text.vocabulary import Vocabularies

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
    """Batches of one training.

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


def language_model(
    config: params.LanguageModel,
    model: keras.Model,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    seed: int,
) -> TrainingData:
    """Read one contiguous stream in `batch_size` rows, with the state carried between batches.

    Raises:
        UserError: the text is too short for one batch.
    """
    size, steps = config.batch_size, config.bptt_steps
    train, valid = (encoding.encode_stream(frame, vocabularies) for frame in frames)
    # A short validation text is read in fewer rows, so that there is at least one batch.
    rows = min(size, (len(valid) - 1) // steps)
    if len(train) <= size * steps or rows < 1:
        raise UserError(
            f"params.yaml: the corpus '{config.corpus}' is too short for one batch. Its "
            f"{len(train):,} training tokens must be more than batch_size x bptt_steps = "
            f"{size * steps:,}, and its {len(valid):,} validation tokens more than bptt_steps = "
            f"{steps:,}. Lower batch_size or bptt_steps."
        )

    def step_lengths(epoch: int) -> list[int]:
        if config.random_bptt_steps:
            return batching.random_steps(len(train), size, steps, seed, epoch)
        return batching.even_steps(len(train), size, steps)

    def read(epoch: int) -> EpochBatches:
        lengths = step_lengths(epoch)
        return EpochBatches(len(lengths), lambda: batching.contiguous(train, size, lengths))

    def learning_rate_scale(batch: Batch) -> float:
        """Scale the rate by the length of the batch (Merity et al. 2017, section 4.1)."""
        return batch[0].shape[1] / steps

    valid_lengths = batching.even_steps(len(valid), rows, steps)
    spec = tf.TensorSpec((size, None if config.random_bptt_steps else steps), tf.int32)
    valid_spec = tf.TensorSpec((rows, steps), tf.int32)
    return TrainingData(
        train=read,
        valid=EpochBatches(
            len(valid_lengths), lambda: batching.contiguous(valid, rows, valid_lengths)
        ),
        tokens_per_epoch=size * sum(step_lengths(1)),
        initial_state=model.zero_state(size),
        valid_state=model.zero_state(rows),
        signature=(spec, spec),
        valid_signature=(valid_spec, valid_spec),
        unit=_unit(vocabularies),
        learning_rate_scale=learning_rate_scale,
    )


def classifier(
    config: params.Classifier | params.BagOfWords,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    seed: int,
) -> TrainingData:
    """Read sentences and labels, batched by length."""
    vocabulary = vocabularies.columns["text"]

    def encode(frame: pd.DataFrame) -> EncodedSplit:
        examples = [[ids] for ids in encoding.encode_rows(frame["text"], vocabulary)]
        labels = encoding.encode_labels(frame["label"], vocabularies)
        return EncodedSplit(
            examples, lambda examples, indices: (_pad(examples, indices, 0), labels[indices])
        )

    train, valid = encode(frames[0]), encode(frames[1])
    return _bucketed(config, train, valid, seed, (MATRIX, VECTOR), vocabularies)


def seq2seq(
    config: params.Seq2Seq,
    frames: tuple[pd.DataFrame, pd.DataFrame],
    vocabularies: Vocabularies,
    seed: int,
) -> TrainingData:
    """Read source and target sentences, batched by target length and then by source length.

    A padded target position costs a softmax. With `subword_sampling` each epoch segments the
    training text into other sub-words.
    """

    alpha = config.subword_sampling

    def encode(frame: pd.DataFrame, epoch: int | None) -> EncodedSplit:
        columns = []
        for column, boundaries in (("target", True), ("source", False)):
            vocabulary = vocabularies.columns[column]
            if epoch is None or alpha is None:
                columns.append(encoding.encode_rows(frame[column], vocabulary, ends=boundaries))
            else:
                rows = vocabulary.resampled(list(frame[column]), alpha, seed + epoch)
                columns.append(list(map(encoding.add_boundaries, rows)) if boundaries else rows)
        examples = [list(pair) for pair in zip(*columns, strict=True)]
        return EncodedSplit(
            examples,
            lambda examples, indices: (_pad(examples, indices, 1), _pad(examples, indices, 0)),
        )

    train, valid = encode(frames[0], None), encode(frames[1], None)
    resample = (lambda epoch: encode(frames[0], epoch)) if alpha else None
    return _bucketed(config, train, valid, seed, (MATRIX, MATRIX), vocabularies, resample)


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


def _pad(
    examples: list[list[encoding.Ids]], indices: npt.NDArray[np.int64], column: int
) -> encoding.Ids:
    return batching.pad([examples[i][column] for i in indices])


def _bucketed(
    config: params.BagOfWords | params.Classifier | params.Seq2Seq,
    train: EncodedSplit,
    valid: EncodedSplit,
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
        seed: shuffles the examples.
        signature: tensor specs of a batch.
        vocabularies: name the unit of tokens.
        resample: returns the training split of an epoch, if it differs between epochs.
    """

    def read(epoch: int) -> EpochBatches:
        split = train if resample is None else resample(epoch)
        sizes = {"batch_size": config.batch_size, "batch_tokens": config.batch_tokens}
        return split.batches(batching.bucketed(split.lengths(), seed, epoch, **sizes))

    lengths = train.lengths()[:, 0]
    # The `<s>` of a target is never predicted.
    tokens = int(lengths.sum()) - (len(lengths) if config.model == "seq2seq" else 0)
    valid_order = batching.by_length(list(valid.lengths()[:, 0]), VALID_BATCH_SIZE)
    return TrainingData(
        train=read,
        valid=valid.batches(valid_order),
        tokens_per_epoch=tokens,
        initial_state=(),
        valid_state=(),
        signature=signature,
        valid_signature=signature,
        unit=_unit(vocabularies),
    )


def _unit(vocabularies: Vocabularies) -> str:
    """Return the plural noun for tokens in rates such as words per second."""
    kind = next(iter(vocabularies.columns.values())).kind
    units = {"characters": "characters", "bpe": "sub-words", "unigram": "sub-words"}
    return units.get(kind, "words")
