"""A trained model as text in, text out: what a person or a served model calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.text import batching
from pipelines.text import encoding as encode
from pipelines.text.normalization import normalize
from pipelines.text.vocabulary import END, UNK, Vocabularies

if TYPE_CHECKING:
    from pipelines.inference.decoding import Decoder, Hypothesis
    from pipelines.inference.sampling import Step

BATCH = 256
PIECES = 3  # `max_length` counts words: so many sub-words of each may be written


@dataclass(frozen=True)
class Predictor:
    """A model with all that it needs to read and write text.

    Attributes:
        model: the Keras model, an Ensemble of them, or the n-gram counts.
        card: what it is.
        vocabularies: its ids.
        samples: how a language model goes on with a text; None for all others.
        search: how a translation is looked for; greedily if None.
    """

    model: Any
    card: serialization.ModelSpec[Any]
    vocabularies: Vocabularies
    samples: params.Samples | None
    search: params.Search | None = None

    def predict(self, texts: Sequence[str]) -> list[str]:
        """Each text's continuation, label or translation.

        Raises:
            Refusal: a text is empty once it is cleaned.
        """
        return self.answers(self.prepared(texts))

    def answers(self, prepared: list[str]) -> list[str]:
        """The same of texts that are prepared already."""
        answer: dict[params.Task, Callable[[list[str]], list[str]]] = {
            "language_modelling": self._continue,
            "classification": self._label,
            "translation": self._translate,
        }
        return answer[self.card.task](prepared)

    def prepared(self, texts: Sequence[str]) -> list[str]:
        """What a person typed, as the model's corpus was prepared.

        Raises:
            Refusal: a text is empty once it is cleaned.
        """
        prepared = [normalize(text, self.card.cleaning, self.card.tokens) for text in texts]
        for number, text in enumerate(prepared, 1):
            if not text.strip():
                raise UserError(f"Text {number} is empty: give at least one word.")
        return prepared

    def _continue(self, texts: list[str]) -> list[str]:
        return [self.write(text) for text in texts]

    def write(self, beginning: str, advance: Callable[[float], None] | None = None) -> str:
        """A beginning and what the model writes after it; the same text at every call.

        Args:
            beginning: prepared text of at least one token.
            advance: told of every token as it is drawn.
        """
        from pipelines.inference import sampling

        if self.samples is None:
            raise ValueError("a language model needs samples to write")
        vocabulary = self.vocabularies.columns["text"]
        # A line's end is one token, printed as the newline it stands for.
        start = vocabulary.encode(beginning)
        seed = self.card.seed if self.samples.seed is None else self.samples.seed
        random = np.random.default_rng(seed)
        drawn = sampling.sample(self._begin(), start, self.samples, random, advance)
        words = ["\n" if token == END else vocabulary.tokens[token] for token in drawn]
        given = vocabulary.split(beginning)  # unknown to the model or not
        return vocabulary.join([*given, *words])

    @cached_property
    def _begin(self) -> Callable[[], Step]:
        from pipelines.inference import sampling

        return sampling.make_sampler(self.model)

    @cached_property
    def _classify(self) -> Any:
        import tensorflow as tf

        shape = tf.TensorSpec((None, None), tf.int32)
        return tf.function(lambda ids: self.model(ids), input_signature=[shape])

    def logits(self, rows: list[npt.NDArray[np.int32]]) -> npt.NDArray[np.float32]:
        """A classifier's logits (N, L) of rows of ids; compiled at the first call."""
        found: npt.NDArray[np.float32] = np.zeros(
            (len(rows), len(self.vocabularies.labels)), np.float32
        )
        for indices in batching.by_length([len(row) for row in rows], BATCH):
            found[indices] = self._classify(batching.pad([rows[i] for i in indices])).numpy()
        return found

    def _label(self, texts: list[str]) -> list[str]:
        rows = encode.encode_rows(texts, self.vocabularies.columns["text"])
        return [self.vocabularies.labels[best] for best in self.logits(rows).argmax(axis=1)]

    def _translate(self, texts: list[str]) -> list[str]:
        found = self.translate(texts)
        return [self.text(some[0], source) for some, source in zip(found, texts, strict=True)]

    @cached_property
    def _decoder(self) -> Decoder:
        from pipelines.inference.decoding import Decoder

        self._check_search()
        pieces = PIECES if self.card.tokens in params.SUB_WORDS else 1
        return Decoder(self.model, self.card.cleaning.max_length * pieces, self.search)

    def _check_search(self) -> None:
        search, tokens = self.search, self.card.tokens
        if search is None:
            return
        for key in ("coverage_penalty", "replace_unknown"):
            if getattr(search, key) and self.card.entry.attention == "none":
                raise UserError(
                    f"'search.{key}' goes by the attention, and this model has "
                    "'attention: none': take it out, or give the model an attention."
                )
        if search.replace_unknown and tokens not in ("words", "spaces"):
            raise UserError(
                "'search.replace_unknown' puts a source word in the place of an unknown one, and "
                f"this corpus has 'tokens: {tokens}': take it out, or take words."
            )

    def translate(self, prepared: Sequence[str], n_best: int = 1) -> list[list[Hypothesis]]:
        """At most `n_best` hypotheses for each prepared source, the best first.

        The search is compiled at the first call.

        Raises:
            Refusal: it needs an attention or words, and the model has none.
        """
        rows = encode.encode_rows(prepared, self.vocabularies.columns["source"])
        return self._decoder(rows, n_best)

    def text(self, hypothesis: Hypothesis, source: str) -> str:
        """A hypothesis for a prepared source as text.

        With `replace_unknown` the source word that got most of its attention stands for each
        unknown one (Luong et al. 2015, on rare words; Jean et al. 2015).
        """
        target = self.vocabularies.columns["target"]
        words = target.words(hypothesis.ids)
        if self.search is not None and self.search.replace_unknown:
            said = self.vocabularies.columns["source"].split(source)
            for at in np.flatnonzero(hypothesis.ids == UNK):
                words[at] = said[hypothesis.weights[at].argmax()]
        return target.join(words)


def load(
    folder: Path,
    vocabulary: Path,
    samples: params.Samples | None = None,
    search: params.Search | None = None,
    seed: int | None = None,
) -> Predictor:
    """Read a trained model; of a group that of a seed, or of the first.

    Raises:
        Refusal: there is none, or it speaks another vocabulary.
    """
    model, card, vocabularies = serialization.load(folder, vocabulary, seed)
    return Predictor(model, card, vocabularies, samples, search)
