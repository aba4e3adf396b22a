"""A translator as a graph: search, and the text of the best hypothesis.

Shapes: N texts, T target steps, S source steps, K beam.
"""

from __future__ import annotations

import tensorflow as tf

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.export.serving_model import Outputs, ServingModel, join
from pipelines.inference.beam_search import BeamHistory, beam_search
from pipelines.inference.decoding import GREEDY
from pipelines.inference.predictor import Predictor
from pipelines.tasks import translation
from pipelines.text.vocabulary import UNK


class TranslatorServing(ServingModel):
    """Best translation of each text by the search of its corpus."""

    def __init__(self, predictor: Predictor) -> None:
        super().__init__(predictor)
        self.search = predictor.search or GREEDY
        if self.search.coverage_penalty:
            raise UserError(
                "A SavedModel cannot search with 'search.coverage_penalty'. Remove it from "
                f"corpora.{predictor.spec.entry.corpus}."
            )
        spec = predictor.spec
        pieces = translation.PIECES if spec.tokens in params.SUB_WORDS else 1
        self.limit = spec.cleaning.max_length * pieces
        self.target = self.vocabularies.columns["target"]

    def serve(self, text: tf.Tensor) -> Outputs:
        """Return `translation` (N,) and its `score` (N,), which is higher for better ones."""
        ids, blank, tokens = self._ids(text)
        memory, states = self.network.encode(ids)
        scores, texts = [], []
        for width in dict.fromkeys((self.search.beam, 1)):
            history = beam_search(self.network, memory, states, width, self.limit)
            score, places = self._best(history)
            scores.append(score)
            texts.append(self._text(history, places, tokens))
        winner = tf.argmax(tf.stack(scores), axis=0)[:, None]
        translated = tf.gather(tf.stack(texts, axis=1), winner, batch_dims=1)[:, 0]
        score = tf.gather(tf.stack(scores, axis=1), winner, batch_dims=1)[:, 0]
        return {
            "translation": tf.where(blank, "", translated),
            "score": tf.where(blank, float("-inf"), score),
        }

    def _best(self, history: BeamHistory) -> tuple[tf.Tensor, tf.Tensor]:
        """Return score and place (step, prefix) of the best hypothesis of each text, (N,) each."""
        steps, count, width = tf.unstack(tf.shape(history.ended))
        lengths = tf.range(1, steps + 1, dtype=tf.float32)
        penalty = ((5 + lengths) / 6) ** (self.search.length_penalty or 0.0)
        scores = tf.transpose(history.ended / penalty[:, None, None], (1, 0, 2))
        scores = tf.reshape(scores, (count, steps * width))
        return tf.reduce_max(scores, axis=1), tf.argmax(scores, axis=1, output_type=tf.int32)

    def _text(self, history: BeamHistory, places: tf.Tensor, source: tf.RaggedTensor) -> tf.Tensor:
        """Return the texts (N,) of hypotheses, traced back from their ends."""
        steps, count, width = tf.unstack(tf.shape(history.ended))
        ends, rows = places // width, tf.range(count)
        prefixes = tf.gather_nd(history.origins, tf.stack([ends, rows, places % width], 1))
        names = tf.constant(self.target.tokens)

        def step(
            t: tf.Tensor, prefixes: tf.Tensor, written: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, tf.TensorArray]:
            place = tf.stack([tf.fill((count,), t), rows, prefixes], 1)
            ids = tf.gather_nd(history.tokens, place)
            parents = tf.where(ends > t, tf.gather_nd(history.parents, place), prefixes)
            tokens = tf.gather(names, ids)
            if self.search.replace_unknown:
                place = tf.stack([tf.fill((count,), t), rows, parents], 1)
                attended = tf.argmax(tf.gather_nd(history.weights, place), axis=1)
                words = source.to_tensor("")
                attended = tf.minimum(attended, tf.shape(words, tf.int64)[1] - 1)
                replacement = tf.gather(words, attended, batch_dims=1)
                tokens = tf.where(ids == UNK, replacement, tokens)
            return t - 1, parents, written.write(t, tokens)

        _, _, written = tf.while_loop(
            lambda t, *_: t >= 0, step, (steps - 1, prefixes, tf.TensorArray(tf.string, steps))
        )
        tokens = tf.RaggedTensor.from_tensor(tf.transpose(written.stack()), ends)
        return join(tokens, self.target)
