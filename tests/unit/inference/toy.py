"""A small encoder-decoder without weights, and an untrained translator."""

import dataclasses
from itertools import product

import numpy as np
import tensorflow as tf

from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.text import vocabulary
from pipelines.text.vocabulary import END, PAD, START, UNK

HASHES = 257


class Toy:
    """An encoder-decoder whose state is a hash of the source and all tokens so far.

    Logits and attention of each state are random numbers.

    Args:
        seed: seed of the random numbers.
        size: V, with the four special tokens.
        bias: added to the logits of some ids.
    """

    def __init__(self, seed, size, bias=None):
        self.bias = bias or {}
        # Variables, so that a search is compiled once for many models.
        self._logits = tf.Variable(tf.zeros((HASHES, size)))
        self._attention = tf.Variable(tf.zeros((HASHES, 20)))
        self.draw(seed)

    def draw(self, seed):
        """Draw new logits and attention, those of another model."""
        random = np.random.default_rng(seed)
        self.logits = random.normal(0, 1.5, self._logits.shape).astype(np.float32)
        for token, amount in self.bias.items():
            self.logits[:, token] += amount
        self.attention = random.normal(0, 2, self._attention.shape).astype(np.float32)
        self._logits.assign(self.logits)
        self._attention.assign(self.attention)

    def encode(self, source):
        return {"source": source}, [tf.reduce_sum(source, axis=1) % HASHES]

    def decode(self, target, states, memory):
        (state,), source = states, memory["source"]
        state = (state * 31 + target[:, 0] + 1) % HASHES
        scores = tf.gather(self._attention, state)[:, : tf.shape(source)[1]]
        scores = tf.where(source != PAD, scores, -1e9)
        return tf.gather(self._logits, state)[:, None], [state], tf.nn.softmax(scores)[:, None]

    def follow(self, source, ids):
        """Compute the nats of a target with its `</s>` and its weights (T, S), token by token."""
        state, last, nats, weights = int(source.sum()) % HASHES, START, 0.0, []
        for token in [*ids, END]:
            state = (state * 31 + last + 1) % HASHES
            logits = self.logits[state].astype(np.float64)
            nats -= logits[token] - np.logaddexp.reduce(logits)
            scores = np.exp(self.attention[state, : len(source)].astype(np.float64))
            weights.append(scores / scores.sum())
            last = token
        return nats, np.array(weights[:-1]).reshape(len(ids), len(source))

    def greedy(self, source, limit):
        """Return the most likely token of each step."""
        state, ids = int(source.sum()) % HASHES, []
        while len(ids) < limit:
            state = (state * 31 + (ids[-1] if ids else START) + 1) % HASHES
            logits = self.logits[state].copy()
            logits[[PAD, START]] = -np.inf
            if logits.argmax() == END:
                break
            ids.append(int(logits.argmax()))
        return ids

    def all(self, limit):
        """Return all targets of at most `limit` tokens."""
        words = [UNK, *range(4, self.logits.shape[1])]
        return [list(ids) for length in range(limit + 1) for ids in product(words, repeat=length)]


def translator(make, tokens="words", search=None, **changes):
    """Return the predictor of an untrained translator for these tokens, and a frame."""
    frame = make.frame("seq2seq")
    columns = {name: vocabulary.build(list(frame[name]), tokens, 30, None) for name in frame}
    spec = dataclasses.replace(make.spec("seq2seq", **changes), tokens=tokens)
    vocabularies = vocabulary.Vocabularies(columns)
    model = serialization.build(spec.entry, vocabularies)
    # Larger than initial weights, with which the translation would not depend on the source.
    random = np.random.default_rng(0)
    model.set_weights([random.normal(0, 0.5, weights.shape) for weights in model.get_weights()])
    return Predictor(model, spec, vocabularies, search=search), frame
