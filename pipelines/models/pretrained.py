"""A classifier's first weights from a trained language model (Dai and Le, 2015).

What the language model learnt of words and of how they follow each other need not be learnt from
labels, of which there are fewer.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.text.subwords import SPECIALS
from pipelines.text.vocabulary import UNK, Vocabulary

if TYPE_CHECKING:
    import keras

SHAPE = ("cell", "embedding", "units", "layers")


@dataclass(frozen=True)
class PretrainedWeights:
    """What a classifier takes over.

    Attributes:
        rows: of the classifier's embedding, (N,): the special tokens and the words in common.
        vectors: what stands there in the language model's, (N, D).
        recurrent: the weights of each recurrent layer.
        size: V of the classifier.
    """

    rows: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    recurrent: list[list[npt.NDArray[np.float32]]]
    size: int

    @property
    def said(self) -> str:
        """How many words the two vocabularies have in common, of how many, in words."""
        special = len(SPECIALS)
        return f"{len(self.rows) - special:,} of {self.size - special:,} words"

    def into(self, model: keras.Model) -> None:
        """Set a new Classifier's weights; words of its own and all above keep their first ones."""
        (embedding,) = model.embedding.get_weights()
        embedding[self.rows] = self.vectors
        model.embedding.set_weights([embedding])
        for layer, weights in zip(model.stack.forwards, self.recurrent, strict=True):
            layer.set_weights(weights)


def read(folder: Path, entry: params.Classifier, words: Vocabulary) -> PretrainedWeights:
    """What a trained language model gives to a classifier.

    Args:
        folder: the language model's; of an ensemble the first member is taken,
            of an interpolated model its network.
        entry: the classifier's entry in params.yaml.
        words: the classifier's vocabulary.

    Raises:
        Refusal: there is no such model, it is no language model or one of another shape, or it
            reads other words.
    """
    model, card, vocabularies = serialization.load(folder)
    if card.entry.model != "language_model":
        raise UserError(
            f"The model in {folder} is a {card.entry.model}, and a classifier can start from a "
            "language model only: let 'init_from' name one."
        )
    _require_shape(folder, card.entry, entry)
    known = vocabularies.columns["text"]
    if known.kind != words.kind and "characters" in (known.kind, words.kind):
        raise UserError(
            f"The model in {folder} reads {known.kind}, and this classifier reads {words.kind}: "
            "let 'init_from' name a language model of a corpus with the same 'tokens'."
        )
    network = model.network if card.entry.ngram else model
    first = network.members[0] if card.entry.ensemble_size else network
    return _taken(folder, first, known, words)


def _require_shape(folder: Path, theirs: params.LanguageModel, ours: params.Classifier) -> None:
    for key in SHAPE:
        there, here = getattr(theirs, key), getattr(ours, key)
        if there != here:
            raise UserError(
                f"The model in {folder} has {key} {there}, and the classifier that is to start "
                f"from it {here}: make them the same in params.yaml."
            )


def _taken(folder: Path, model: Any, known: Vocabulary, words: Vocabulary) -> PretrainedWeights:
    special = np.arange(len(SPECIALS))
    at = known.ids(words.tokens[len(SPECIALS) :])
    common = np.flatnonzero(at != UNK)
    if not len(common):
        raise UserError(
            f"The model in {folder} knows no word of the classifier's corpus: train it on text of "
            "the same language, cut into tokens the same way."
        )
    (embedding,) = model.embedding.get_weights()
    return PretrainedWeights(
        rows=np.concatenate([special, common + len(SPECIALS)]),
        vectors=embedding[np.concatenate([special, at[common]])],
        recurrent=[layer.get_weights() for layer in model.stack.forwards],
        size=len(words),
    )
