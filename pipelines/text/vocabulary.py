"""Tokens <-> ids. Four ids are always the same: padding, unknown, start and end of a sequence."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines import files
from pipelines.config import task_schemas
from pipelines.config.params import SUB_WORDS, Corpus, Tokens, VocabularyParams
from pipelines.errors import UserError
from pipelines.text import subwords, tokenizers
from pipelines.text.subwords import SPECIALS, Segmenter

PAD, UNK, START, END = 0, 1, 2, 3

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of one column by id, and how often each stands in the training split.

    `counts[UNK]` are the training tokens outside the vocabulary, `counts[END]` the training rows.

    Attributes:
        tokens: (V,), by id.
        counts: (V,).
        kind: how its text is cut into tokens.
        segmenter: what cuts sub-words; None of all other kinds.
    """

    tokens: tuple[str, ...]
    counts: tuple[int, ...]
    kind: Tokens
    segmenter: Segmenter | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _id_of(self) -> dict[str, int]:
        # Text that spells a special token is unknown.
        return {token: at for at, token in enumerate(self.tokens) if at >= len(SPECIALS)}

    def split(self, text: str) -> list[str]:
        """The tokens of prepared text, known or not."""
        return _splitter(self.kind, self.segmenter)(text)

    def encode(self, text: str) -> Ids:
        """The ids of prepared text, (T,)."""
        return self.ids(self.split(text))

    def ids(self, tokens: Sequence[str]) -> Ids:
        """Ids, (T,); UNK for every token outside the vocabulary."""
        find = self._id_of.get
        return np.fromiter((find(token, UNK) for token in tokens), np.int32, len(tokens))

    def resampled(self, texts: Sequence[str], share: float, seed: int) -> list[Ids]:
        """Ids (T,) of each prepared text in other sub-words, a pure function of the arguments.

        Args:
            texts: prepared.
            share: how far from the likeliest sub-words; see `subwords.resampled`.
            seed: of the draw.

        Raises:
            Refusal: the tokens are no sub-words.
        """
        if self.segmenter is None:
            raise UserError(
                f"'subword_sampling' draws other sub-words, and this corpus has "
                f"'tokens: {self.kind}': take it out, or take {' or '.join(SUB_WORDS)}."
            )
        drawn = subwords.resampled(texts, self.kind, self.segmenter.scores, share, seed)
        return [self.ids(pieces) for pieces in drawn]

    def words(self, ids: Iterable[int]) -> list[str]:
        """The tokens of ids, (T,), the four special ones as they are written."""
        return [self.tokens[position] for position in ids]

    def text(self, ids: Iterable[int]) -> str:
        """Prepared text again: `text(encode(x)) == x` where every token of x is known."""
        return self.join(self.words(ids))

    def join(self, tokens: Sequence[str]) -> str:
        """Prepared text of tokens, known or not: `join(split(x)) == x`."""
        return subwords.join(tokens) if self.segmenter else tokenizers.join(tokens, self.kind)

    def log_frequencies(self) -> npt.NDArray[np.float32]:
        """Natural logarithm of each token's smoothed share of the training tokens, (V,).

        Every count is raised by one (Laplace), so that no logarithm is infinite.
        """
        raised = np.asarray(self.counts, np.float64) + 1
        logarithms: npt.NDArray[np.float32] = np.log(raised / raised.sum()).astype(np.float32)
        return logarithms


@dataclass(frozen=True)
class Vocabularies:
    """One vocabulary for each text column of a corpus, and its labels in sorted order.

    Shared ones have the same tokens, and each its own counts.
    """

    columns: dict[str, Vocabulary]
    labels: tuple[str, ...] = ()


# Building ---------------------------------------------------------------------------------------


def build(
    texts: Sequence[str], kind: Tokens, max_size: int, min_count: int | None = None
) -> Vocabulary:
    """The `max_size` most frequent tokens of prepared texts that occur at least `min_count` times.

    The order is by falling count, then by code point. The four special tokens come on top of
    `max_size`; text that spells one of them is unknown. Sub-words are learnt first.
    """
    segmenter = subwords.train(texts, kind, max_size) if kind in SUB_WORDS else None
    counted = _count(texts, _splitter(kind, segmenter))
    candidates = list(segmenter.scores) if segmenter else counted
    kept = [
        token
        for token in candidates
        if counted[token] >= (min_count or 0) and token not in SPECIALS
    ]
    kept = sorted(kept, key=lambda token: (-counted[token], token))[:max_size]
    tokens = (*SPECIALS, *kept)
    return Vocabulary(tokens, _counts(tokens, counted, len(texts)), kind, segmenter)


def build_vocabularies(frame: pd.DataFrame, corpus: Corpus) -> Vocabularies:
    """The vocabularies of a prepared training frame."""
    schema = task_schemas.get(corpus.task)
    tokens, how = corpus.tokens, corpus.vocabulary
    texts = {column: list(frame[column]) for column in schema.text_columns}
    if how.shared:
        together = [text for column in texts.values() for text in column]
        shared = build(together, tokens, how.max_size, how.min_count)
        columns = {column: _recounted(shared, rows) for column, rows in texts.items()}
    else:
        columns = {
            column: build(rows, tokens, how.max_size, how.min_count)
            for column, rows in texts.items()
        }
    labels = sorted(set(frame[schema.label_column])) if schema.label_column else []
    return Vocabularies(columns, tuple(labels))


def vocabulary_estimate(frame: pd.DataFrame, corpus: Corpus) -> Vocabularies:
    """What `of_frame` will know, but for sub-words their characters: those take long to learn."""
    if corpus.tokens not in SUB_WORDS:
        return build_vocabularies(frame, corpus)
    every = VocabularyParams(max_size=10**9, min_count=1, shared=corpus.vocabulary.shared)
    return build_vocabularies(
        frame, corpus.model_copy(update={"tokens": "characters", "vocabulary": every})
    )


def unknown_rate(vocabulary: Vocabulary, texts: Iterable[str]) -> float:
    """Share of the tokens of prepared texts that are outside the vocabulary; 0 of no tokens."""
    counted = _count(texts, vocabulary.split)
    known = set(vocabulary.tokens) - set(SPECIALS)
    unknown = sum(count for token, count in counted.items() if token not in known)
    return unknown / max(1, counted.total())


def _splitter(kind: Tokens, segmenter: Segmenter | None) -> Callable[[str], list[str]]:
    return segmenter.split if segmenter else partial(tokenizers.split, tokens=kind)


def _count(texts: Iterable[str], split: Callable[[str], list[str]]) -> Counter[str]:
    return Counter(token for text in texts for token in split(text))


def _counts(tokens: Sequence[str], counted: Counter[str], rows: int) -> tuple[int, ...]:
    kept = [counted[token] for token in tokens[len(SPECIALS) :]]
    return (0, counted.total() - sum(kept), 0, rows, *kept)


def _recounted(shared: Vocabulary, texts: Sequence[str]) -> Vocabulary:
    """The same tokens with the counts of one column."""
    counts = _counts(shared.tokens, _count(texts, shared.split), len(texts))
    return dataclasses.replace(shared, counts=counts)


# On disk ----------------------------------------------------------------------------------------


def save(vocabularies: Vocabularies, path: Path) -> None:
    """Write all vocabularies of a corpus as one JSON file; a reader never sees half of it."""
    tree: dict[str, Any] = {
        "columns": {name: _as_tree(column) for name, column in vocabularies.columns.items()}
    }
    if vocabularies.labels:
        tree["labels"] = list(vocabularies.labels)
    files.write_json(path, tree)


def load(path: Path) -> Vocabularies:
    """Read what `save` wrote.

    Raises:
        Refusal: the file is missing, or is no vocabulary.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        columns = {name: _of_tree(column) for name, column in tree["columns"].items()}
        return Vocabularies(columns, tuple(tree.get("labels", ())))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run build_vocab first.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sentence = f"{path} is no vocabulary ({error}): delete it and run build_vocab again."
        raise UserError(sentence) from None


def _as_tree(vocabulary: Vocabulary) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "kind": vocabulary.kind,
        "tokens": list(vocabulary.tokens),
        "counts": list(vocabulary.counts),
    }
    if vocabulary.segmenter is not None:
        tree["segmenter"] = base64.b64encode(vocabulary.segmenter.model).decode("ascii")
    return tree


def _of_tree(tree: dict[str, Any]) -> Vocabulary:
    tokens, counts, kind = tuple(tree["tokens"]), tuple(tree["counts"]), tree["kind"]
    if tokens[: len(SPECIALS)] != SPECIALS:
        raise ValueError("it does not begin with the four special tokens")
    if len(tokens) != len(counts) or len(set(tokens)) != len(tokens):
        raise ValueError("its tokens are not one to one with their counts")
    if kind not in get_args(Tokens):
        raise ValueError(f"it is of no known kind, '{kind}'")
    if kind not in SUB_WORDS:
        return Vocabulary(tokens, counts, kind)
    segmenter = Segmenter(base64.b64decode(tree["segmenter"], validate=True))
    if set(segmenter.scores) != set(tokens[len(SPECIALS) :]):
        raise ValueError("its tokens are not those of its segmenter")
    return Vocabulary(tokens, counts, kind, segmenter)
