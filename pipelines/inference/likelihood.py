"""Likelihood of text under a trained model. N tokens, V vocabulary."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines import console
from pipelines.models.cache import UnigramCache
from pipelines.models.mixture import Mixture
from pipelines.models.ngram import NGram

if TYPE_CHECKING:
    import pandas as pd

    from pipelines.inference.predictor import Predictor

Ids = npt.NDArray[np.int32]
Nats = npt.NDArray[np.float64]

STEPS = 1000  # tokens per call; the carried state makes the result independent of it
BATCH_SIZE = 64  # sentence pairs


def stream_loss(model: Any, stream: Ids) -> Nats:
    """Compute the loss (N - 1,) in nats of every token of a stream (N,) but the first.

    The stream is one continuous text: a recurrent state is carried from beginning to end.
    """
    if isinstance(model, Mixture):
        return mixture_loss(model, component_losses(model, stream))
    if isinstance(model, NGram | UnigramCache):
        return -model.log_probabilities(stream)
    import tensorflow as tf

    shape = tf.TensorSpec((1, None), tf.int32)

    @tf.function(autograph=False)
    def score(inputs: tf.Tensor, targets: tf.Tensor, states: Any) -> tuple[tf.Tensor, Any]:
        logits, states = model(inputs, states=states)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)[0], states

    states = model.zero_state(1)
    specs = tf.nest.map_structure(lambda state: tf.TensorSpec(state.shape, state.dtype), states)
    compiled = score.get_concrete_function(shape, shape, specs)
    parts = []
    with console.progress("scoring", len(stream) - 1, "tokens") as bar:
        for start in range(0, len(stream) - 1, STEPS):
            chunk = stream[None, start : start + STEPS + 1]
            nats, states = compiled(tf.constant(chunk[:, :-1]), tf.constant(chunk[:, 1:]), states)
            parts.append(nats.numpy().astype(np.float64))
            bar.advance(len(parts[-1]))
    return np.concatenate(parts)


def component_losses(model: Mixture, stream: Ids) -> dict[str, Nats]:
    """Compute the loss (N - 1,) of every token of a stream under each component of a mixture.

    It is infinite for a token that a cache does not have.
    """
    return {name: stream_loss(part, stream) for name, part in model.components.items()}


def mixture_loss(model: Mixture, losses: Mapping[str, Nats]) -> Nats:
    """Compute the loss of every token under a mixture from that under its components."""
    return -model.mix({name: -nats for name, nats in losses.items()})


def translation_loss(predictor: Predictor, test: pd.DataFrame) -> tuple[Nats, Nats]:
    """Compute the loss of each reference under teacher forcing.

    Returns:
        Nats (N,) and numbers of tokens (N,) of N references, `</s>` included.
    """
    import tensorflow as tf

    from pipelines.text import batching, encoding
    from pipelines.text.vocabulary import PAD

    columns = predictor.vocabularies.columns
    source = encoding.encode_rows(test["source"], columns["source"])
    target = encoding.encode_rows(test["target"], columns["target"], ends=True)
    shape = tf.TensorSpec((None, None), tf.int32)

    @tf.function(input_signature=(shape, shape), autograph=False)
    def score(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        logits, _ = predictor.model(source, target[:, :-1])
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(target[:, 1:], logits)
        return tf.reduce_sum(nats * tf.cast(target[:, 1:] != PAD, tf.float32), axis=1)

    nats = np.zeros(len(source))
    for indices in batching.batches_by_length([len(ids) for ids in target], BATCH_SIZE):
        batch = (batching.pad([rows[i] for i in indices]) for rows in (source, target))
        nats[indices] = score(*batch).numpy()
    return nats, np.array([len(ids) - 1 for ids in target])
