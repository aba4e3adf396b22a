"""Networks with their text processing as graphs, one class for each task.

Shapes: N texts, T tokens, L labels, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from pipelines.export.text_graph import TextGraph
from pipelines.inference.predictor import Predictor
from pipelines.text import subwords
from pipelines.text.vocabulary import END, PAD, START, UNK, Vocabulary

TEXTS = tf.TensorSpec((None,), tf.string, name="text")
Outputs = Mapping[str, tf.Tensor]


class ServingModel(tf.Module):
    """A network with its text processing; each task adds its signatures.

    Args:
        predictor: a trained network, or an ensemble of networks.
    """

    def __init__(self, predictor: Predictor) -> None:
        super().__init__()
        self.predictor, self.vocabularies = predictor, predictor.vocabularies
        networks = getattr(self.network, "members", [self.network])
        self.weights = [weight.value for network in networks for weight in network.weights]
        column = next(iter(self.vocabularies.columns.values()))
        self.text = TextGraph(column, predictor.spec.cleaning)

    @property
    def network(self) -> Any:
        """The network; not an attribute, or Keras would save functions of its own."""
        return self.predictor.model

    def signatures(self) -> dict[str, Any]:
        """Return the functions of the SavedModel by their names."""
        return {"serving_default": trace(self.serve, TEXTS)}

    def serve(self, text: tf.Tensor) -> Outputs:
        """Return the outputs for texts (N,)."""
        raise NotImplementedError

    def _ids(self, text: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.RaggedTensor]:
        """Return ids (N, T) of texts (N,), which of the texts are blank (N,), and the tokens."""
        clean = self.text.clean(text)
        tokens = self.text.split(clean)
        return self.text.encode(tokens), tf.strings.length(tf.strings.strip(clean)) == 0, tokens


class ClassifierServing(ServingModel):
    """Label and probabilities of each text."""

    def serve(self, text: tf.Tensor) -> Outputs:
        """Return `label` (N,), `probabilities` (N, L) and their `labels` (L,)."""
        ids, blank, _ = self._ids(text)
        logits, labels = self.network(ids), tf.constant(self.vocabularies.labels)
        best = tf.gather(labels, tf.argmax(logits, axis=1))
        return {
            "label": tf.where(blank, "", best),
            "probabilities": tf.nn.softmax(logits),
            "labels": labels,
        }


class TaggerServing(ServingModel):
    """Words of each text with their tags."""

    def serve(self, text: tf.Tensor) -> Outputs:
        """Return `tagged` (N,), such as `to/O boston/B-city`."""
        ids, blank, tokens = self._ids(text)
        logits, crf = self.network(ids), getattr(self.network, "crf", None)
        best = tf.argmax(logits, axis=2, output_type=tf.int32)
        tags = best if crf is None else crf.decode(logits, ids != PAD)
        tags = tf.RaggedTensor.from_tensor(
            tf.gather(tf.constant(self.vocabularies.labels), tags), tokens.row_lengths()
        )
        pairs = tokens.with_flat_values(
            tf.strings.join([tokens.flat_values, tags.flat_values], "/")
        )
        tagged = tf.strings.reduce_join(pairs, axis=1, separator=" ")
        return {"tagged": tf.where(blank, "", tagged)}


class LanguageModelServing(ServingModel):
    """Loss of each text, and texts that continue it."""

    def signatures(self) -> dict[str, Any]:
        """Return `serving_default`, and `generate`, which samples one text at a time."""
        return {
            "serving_default": trace(self.serve, TEXTS),
            "generate": trace(
                self.generate,
                tf.TensorSpec((), tf.string, name="beginning"),
                tf.TensorSpec((), tf.int32, name="length"),
                tf.TensorSpec((), tf.float32, name="temperature"),
                tf.TensorSpec((), tf.int32, name="seed"),
            ),
        }

    def serve(self, text: tf.Tensor) -> Outputs:
        """Return `nats` (N,) and `tokens` (N,) of texts: their loss and length, with line ends."""
        ids, blank, tokens = self._ids(text)
        lengths = tf.where(blank, 0, tf.cast(tokens.row_lengths(), tf.int32)) + 1
        ids = tf.pad(tf.where(blank[:, None], PAD, ids), [[0, 0], [0, 1]])
        real = tf.sequence_mask(lengths, tf.shape(ids)[1])
        targets = tf.where(tf.range(tf.shape(ids)[1]) == lengths[:, None] - 1, END, ids)
        inputs = tf.pad(ids[:, :-1], [[0, 0], [1, 0]], constant_values=END)
        logits, _ = self.network(inputs)
        nats = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
        return {"nats": tf.reduce_sum(tf.where(real, nats, 0.0), axis=1), "tokens": lengths}

    def generate(
        self, beginning: tf.Tensor, length: tf.Tensor, temperature: tf.Tensor, seed: tf.Tensor
    ) -> Outputs:
        """Return `text`, the beginning with `length` sampled tokens."""
        ids, _, _ = self._ids(beginning[None])
        vocabulary = self.vocabularies.columns["text"]
        names = tf.constant([*vocabulary.tokens[:END], "\n", *vocabulary.tokens[END + 1 :]])
        ids = tf.pad(ids, [[0, 0], [1, 0]], constant_values=END)
        logits, states = self.network(ids, states=self.network.zero_state(1))
        size = len(vocabulary)
        excluded = tf.reduce_any(tf.range(size)[:, None] == [PAD, UNK, START], axis=1)

        def step(
            t: tf.Tensor, logits: tf.Tensor, states: Any, written: tf.TensorArray
        ) -> tuple[tf.Tensor, tf.Tensor, Any, tf.TensorArray]:
            scaled = tf.where(excluded, float("-inf"), logits / temperature)
            token = tf.random.stateless_categorical(scaled, 1, (seed, t), tf.int32)
            logits, states = self.network(token, states=states)
            return t + 1, logits[:, -1], states, written.write(t, names[token[0, 0]])

        _, _, _, written = tf.while_loop(
            lambda t, *_: t < length,
            step,
            (0, logits[:, -1], states, tf.TensorArray(tf.string, length)),
        )
        tokens = tf.RaggedTensor.from_tensor(written.stack()[None])
        begun = self.text.clean(beginning[None])
        continued = join(tokens, vocabulary, first=False)
        separator = " " if vocabulary.kind in ("words", "spaces") else ""
        return {"text": tf.strings.join([begun, continued], separator)[0]}


def trace(function: Callable[..., Outputs], *signature: tf.TensorSpec) -> Any:
    """Return a function as a graph with named inputs."""
    return tf.function(function, input_signature=signature, autograph=False)


def join(tokens: tf.RaggedTensor, vocabulary: Vocabulary, first: bool = True) -> tf.Tensor:
    """Return the texts (N,) of tokens (N, None), as `Vocabulary.join` does.

    Args:
        tokens: the tokens.
        vocabulary: their vocabulary.
        first: False for the continuation of another text.
    """
    separator = " " if vocabulary.kind in ("words", "spaces") else ""
    texts = tf.strings.reduce_join(tokens, axis=1, separator=separator)
    if vocabulary.segmenter is None:
        return texts
    texts = tf.strings.regex_replace(texts, subwords.BLANK, " ")
    return tf.strings.regex_replace(texts, "^ ", "") if first else texts
