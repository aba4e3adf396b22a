"""Initial weights of a classifier from a trained language model (Dai and Le, 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.models.mixture import Mixture
from pipelines.text.subwords import SPECIALS
from pipelines.text.vocabulary import UNK, Vocabulary

if TYPE_CHECKING:
    import keras

SHAPE = ("cell", "embedding", "units", "layers")


@dataclass(frozen=True)
class PretrainedWeights:
    """Weights of a language model that a classifier starts from.

    Attributes:
        rows: rows of the classifier's embedding, (N,): special tokens and shared words.
        vectors: embedding vectors of these rows, (N, D).
        recurrent: weights of each recurrent layer.
        size: size V of the classifier's vocabulary.
    """

    rows: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.float32]
    recurrent: list[list[npt.NDArray[np.float32]]]
    size: int

    @property
    def summary(self) -> str:
        """Number of shared words, as text."""
        special = len(SPECIALS)
        return f"{len(self.rows) - special:,} of {self.size - special:,} words"

    def apply(self, model: keras.Model) -> None:
        """Set the weights of a new classifier; other words and layers stay as they are."""
        (embedding,) = model.embedding.get_weights()
        embedding[self.rows] = self.vectors
        model.embedding.set_weights([embedding])
        for layer, weights in zip(model.stack.forwards, self.recurrent, strict=True):
            layer.set_weights(weights)


def read(folder: Path, entry: params.ClassifierConfig, vocabulary: Vocabulary) -> PretrainedWeights:
    """Read the weights that a classifier takes from a trained language model.

    Args:
        folder: folder of the language model; an ensemble provides its first member, an
            mixture its network.
        entry: the classifier's entry in params.yaml.
        vocabulary: the classifier's vocabulary.

    Raises:
        UserError: the folder holds no language model of the same shape, or the vocabularies
            share no word.
    """
    model, spec, vocabularies = serialization.load(folder)
    if spec.entry.model != "language_model":
        raise UserError(
            f"The model in {folder} is a {spec.entry.model}, and a classifier can start from a "
            "language model only. Set 'init_from' to a language model."
        )
    _require_shape(folder, spec.entry, entry)
    source = vocabularies.columns["text"]
    if source.kind != vocabulary.kind and "characters" in (source.kind, vocabulary.kind):
        raise UserError(
            f"The model in {folder} reads {source.kind}, but the classifier {vocabulary.kind}. "
            "Set 'init_from' to a language model of a corpus with the same 'tokens'."
        )
    network = model.components["network"] if isinstance(model, Mixture) else model
    member = network.members[0] if spec.entry.ensemble_size else network
    return _shared_weights(folder, member, source, vocabulary)


def _require_shape(
    folder: Path, source: params.LanguageModelConfig, target: params.ClassifierConfig
) -> None:
    for key in SHAPE:
        source_value, target_value = getattr(source, key), getattr(target, key)
        if source_value != target_value:
            raise UserError(
                f"The model in {folder} has {key} {source_value}, but the classifier that starts "
                f"from it has {target_value}. Set both to the same value in params.yaml."
            )


def _shared_weights(
    folder: Path, model: Any, source: Vocabulary, target: Vocabulary
) -> PretrainedWeights:
    special = np.arange(len(SPECIALS))
    ids = source.encode_tokens(target.tokens[len(SPECIALS) :])
    shared = np.flatnonzero(ids != UNK)
    if not len(shared):
        raise UserError(
            f"The model in {folder} shares no word with the classifier's corpus. Train it on "
            "text of the same language with the same 'tokens'."
        )
    (embedding,) = model.embedding.get_weights()
    return PretrainedWeights(
        rows=np.concatenate([special, shared + len(SPECIALS)]),
        vectors=embedding[np.concatenate([special, ids[shared]])],
        recurrent=[layer.get_weights() for layer in model.stack.forwards],
        size=len(target),
    )
