"""Translations of a sentence with their probabilities. S source tokens, T target tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.tasks import translation
from pipelines.text import encoding

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor


@dataclass(frozen=True)
class ScoredTranslation:
    """A hypothesis of the beam.

    Attributes:
        text: the translation.
        tokens: T target tokens, `</s>` not included.
        score: what the search maximises: the log probability, with penalties if there are any.
        nats: minus the log probability, `</s>` included.
        attention: (T, S); all zero without attention.
    """

    text: str
    tokens: Sequence[str]
    score: float
    nats: float
    attention: npt.NDArray[np.float32]

    @property
    def confidence(self) -> float:
        """The geometric mean of the probabilities of its tokens, `</s>` included."""
        return float(np.exp(-self.nats / (len(self.tokens) + 1)))


@dataclass(frozen=True)
class TranslatedText:
    """The translations of a sentence.

    Attributes:
        source_tokens: S tokens.
        hypotheses: the translations, the best first.
        probabilities: (T + 1,), of each token of the best translation and of its end, given the
            tokens before it.
    """

    source_tokens: Sequence[str]
    hypotheses: Sequence[ScoredTranslation]
    probabilities: Sequence[float]


def translate(predictor: Predictor, prepared: str) -> TranslatedText:
    """Translate a prepared sentence with all alternatives that the beam yields."""
    columns = predictor.vocabularies.columns
    assert predictor.search is not None
    beam = translation.translate(predictor, [prepared], predictor.search.beam)[0]
    hypotheses = [
        ScoredTranslation(
            translation.hypothesis_text(predictor, hypothesis, prepared),
            columns["target"].decode_tokens(hypothesis.ids),
            hypothesis.score,
            hypothesis.nats,
            hypothesis.weights,
        )
        for hypothesis in beam
    ]
    source = columns["source"].encode(prepared)[np.newaxis]
    target = encoding.add_boundaries(beam[0].ids)[np.newaxis]
    probabilities = predictor.cached(_compile)(source, target).numpy()
    return TranslatedText(
        columns["source"].split(prepared), hypotheses, [float(p) for p in probabilities]
    )


def _compile(predictor: Predictor) -> Any:
    """Return a function that computes the probabilities (T + 1,) of a target of ids (1, T + 2)."""
    import tensorflow as tf

    shape = tf.TensorSpec((1, None), tf.int32)

    @tf.function(input_signature=(shape, shape), autograph=False)
    def probabilities(source: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
        logits, _ = predictor.model(source, target[:, :-1])
        return tf.exp(
            -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=target[:, 1:], logits=logits)[0]
        )

    return probabilities
