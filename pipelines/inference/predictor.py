"""A trained model as text in, text out: what a person or a served model calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines import batches, params
from pipelines.errors import Refusal
from pipelines.models import saved
from pipelines.text import cleaning, tokenizers
from pipelines.text import ids as encode
from pipelines.text.vocabulary import END, Vocabularies

BATCH = 256


@dataclass(frozen=True)
class Predictor:
    """A model with all that it needs to read and write text.

    Attributes:
        model: the Keras model or the n-gram counts.
        card: what it is.
        vocabularies: its ids.
        samples: how a language model goes on with a text; None for all others.
    """

    model: Any
    card: saved.Card[Any]
    vocabularies: Vocabularies
    samples: params.Samples | None

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Each text's continuation, label or translation.

        Raises:
            Refusal: a text is empty once it is cleaned.
        """
        prepared = [cleaning.prepare(text, self.card.cleaning, self.card.tokens) for text in texts]
        for number, text in enumerate(prepared, 1):
            if not text.strip():
                raise Refusal(f"Text {number} is empty: give at least one word.")
        answer: dict[params.Task, Callable[[list[str]], list[str]]] = {
            "language_modelling": self._continue,
            "classification": self._label,
            "translation": self._translate,
        }
        return answer[self.card.task](prepared)

    def _continue(self, texts: list[str]) -> list[str]:
        return [self.write(text) for text in texts]

    def write(self, beginning: str) -> str:
        """A beginning and what the model writes after it; the same text at every call."""
        from pipelines.inference import generation

        if self.samples is None:
            raise ValueError("a language model needs samples to write")
        vocabulary = self.vocabularies.columns["text"]
        # A line's end is one token, printed as the newline it stands for.
        start = vocabulary.ids(tokenizers.split(beginning, self.card.tokens))
        steps = (
            generation.ngram_steps(self.model)
            if self.card.entry.model == "ngram"
            else generation.recurrent_steps(self.model)
        )
        written = generation.write(
            steps,
            start,
            self.samples.length,
            self.samples.temperature,
            np.random.default_rng(self.card.seed),
        )
        drawn = written[len(start) :]
        words = ["\n" if token == END else vocabulary.tokens[token] for token in drawn]
        given = tokenizers.split(beginning, self.card.tokens)  # unknown to the model or not
        return tokenizers.join([*given, *words], self.card.tokens)

    def logits(self, rows: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.float32]:
        """A classifier's logits (N, L) of rows of ids."""
        import tensorflow as tf

        compiled = tf.function(self.model, reduce_retracing=True)
        found: npt.NDArray[np.float32] = np.zeros(
            (len(rows), len(self.vocabularies.labels)), np.float32
        )
        for indices in batches.by_length([len(row) for row in rows], BATCH):
            found[indices] = compiled(tf.constant(batches.pad([rows[i] for i in indices]))).numpy()
        return found

    def _label(self, texts: list[str]) -> list[str]:
        rows = encode.rows(texts, self.vocabularies.columns["text"], self.card.tokens)
        return [self.vocabularies.labels[best] for best in self.logits(rows).argmax(axis=1)]

    def _translate(self, texts: list[str]) -> list[str]:
        return [self.text(hypothesis.ids) for hypothesis in self.translate(texts)]

    def search(self) -> Any:
        """Greedy search with this model; compiled at its first use, so worth keeping."""
        from pipelines.inference.decoding import Greedy

        return Greedy(self.model, self.card.cleaning.max_length)

    def translate(self, prepared: Sequence[str], search: Any = None) -> list[Any]:
        """A Hypothesis for each prepared source."""
        rows = encode.rows(prepared, self.vocabularies.columns["source"], self.card.tokens)
        return list((search or self.search())(rows))

    def text(self, target: npt.NDArray[np.int32]) -> str:
        """Target ids (T,) as text."""
        return tokenizers.join(self.vocabularies.columns["target"].words(target), self.card.tokens)


def load(folder: Path, vocabulary: Path, samples: params.Samples | None = None) -> Predictor:
    """Read a trained model.

    Raises:
        Refusal: there is none, or it speaks another vocabulary.
    """
    model, card, vocabularies = saved.load(folder, vocabulary)
    return Predictor(model, card, vocabularies, samples)
