"""Training of `<unk>`, the token that stands for all words outside the vocabulary.

If every training word is in the vocabulary, `<unk>` keeps its random vector, and a text with new
words is noise to the model. Therefore rare words are read as unknown at random: an occurrence of a
word that the training split has c times with probability alpha / (alpha + c) (Kiperwasser and
Goldberg, 2016, section 4).

Shapes: T tokens, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

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


def replace_rare_words(
    rows: Sequence[Ids], vocabulary: Vocabulary, alpha: float, seed: int, epoch: int
) -> list[Ids]:
    """Return copies of rows of ids, each (T,), in which rare words are `<unk>` at random.

    It is a pure function of its arguments, so that a resumed epoch reads the same text.

    Args:
        rows: at least one row.
        vocabulary: of these ids, with the counts of the training split.
        alpha: see `replacement_probabilities`.
        seed, epoch: seed of the draws.
    """
    # The third number separates these draws from those that shuffle the epoch.
    random = np.random.default_rng((seed, epoch, 1))
    ids = np.concatenate(rows)
    replaced = random.random(len(ids)) < replacement_probabilities(vocabulary, alpha)[ids]
    ends = np.cumsum([len(row) for row in rows])[:-1]
    return np.split(np.where(replaced, UNK, ids).astype(np.int32), ends)


def untrained_unknown_rate(vocabulary: Vocabulary, valid: Iterable[str]) -> float:
    """Return the fraction of unknown words of a split if `<unk>` is not trained, else 0.

    Args:
        vocabulary: has words; other tokens are hardly ever unknown.
        valid: prepared texts of the split.
    """
    if vocabulary.kind not in ("words", "spaces") or vocabulary.counts[UNK]:
        return 0.0
    return unknown_rate(vocabulary, valid)
