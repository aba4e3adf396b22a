"""Training of `<unk>`, the token that stands for all words outside the vocabulary.

If every training word is in the vocabulary, `<unk>` keeps its random vector, and a text with new
words is noise to the model. Therefore rare words are read as unknown at random: an occurrence of a
word that the training split has c times with probability alpha / (alpha + c) (Kiperwasser and
Goldberg, 2016, section 4).

Shapes: T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from pipelines.text.batching import Stream
from pipelines.text.subwords import SPECIALS
from pipelines.text.vocabulary import UNK, Vocabulary, unknown_rate

Ids = npt.NDArray[np.int32]


def replacement_probabilities(vocabulary: Vocabulary, alpha: float) -> npt.NDArray[np.float64]:
    """Return the probability (V,) with which each token is read as `<unk>`; 0 for special tokens.

    Args:
        vocabulary: has the counts of the training split.
        alpha: 0.25 in the paper.
    """
    counts = np.asarray(vocabulary.counts, np.float64)
    probabilities: npt.NDArray[np.float64] = alpha / (alpha + counts)
    probabilities[: len(SPECIALS)] = 0
    return probabilities


class UnknownReplacement:
    """Reads rare words of one epoch as `<unk>` at random.

    It is a pure function of its arguments, so that a resumed epoch reads the same text: the draw
    for a word depends on its place in the training split alone, in whatever order the words are
    read.

    Args:
        vocabulary: has the counts of the training split.
        alpha: see `replacement_probabilities`.
        seed, epoch: seed of the draws.
    """

    def __init__(self, vocabulary: Vocabulary, alpha: float, seed: int, epoch: int) -> None:
        self._probabilities = replacement_probabilities(vocabulary, alpha)
        # The third number separates these draws from those that shuffle the epoch.
        self._bits = np.random.PCG64((seed, epoch, 1))
        self._first = self._bits.state

    def __call__(self, ids: Ids, place: int) -> Ids:
        """Return a copy of consecutive ids (T,) in which rare words are `<unk>`.

        Args:
            ids: the ids.
            place: the place of the first of them in the training split.
        """
        self._bits.state = self._first
        self._bits.advance(place)
        draws = np.random.Generator(self._bits).random(len(ids))
        return np.where(draws < self._probabilities[ids], UNK, ids).astype(np.int32)


class ReplacedStream:
    """A stream whose rare words are read as `<unk>`; a slice is an array.

    Args:
        stream: the ids.
        replacement: the epoch's.
    """

    def __init__(self, stream: Stream, replacement: UnknownReplacement) -> None:
        self._stream, self._replacement = stream, replacement

    def __len__(self) -> int:
        return len(self._stream)

    def __getitem__(self, places: slice) -> Ids:
        return self._replacement(self._stream[places], places.start)


def untrained_unknown_rate(vocabulary: Vocabulary, valid: Iterable[str]) -> float:
    """Return the fraction of unknown words of a split if `<unk>` is not trained, else 0.

    Args:
        vocabulary: has words; other tokens are hardly ever unknown.
        valid: prepared texts of the split.
    """
    if vocabulary.kind not in ("words", "spaces") or vocabulary.counts[UNK]:
        return 0.0
    return unknown_rate(vocabulary, valid)
