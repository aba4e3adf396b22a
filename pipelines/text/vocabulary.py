"""Tokens <-> ids. Four ids are always the same: padding, unknown, start and end of a sequence."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines import console
from pipelines.errors import Refusal
from pipelines.params import COLUMNS, Corpus, Tokens
from pipelines.text import tokenizers

PAD, UNK, START, END = 0, 1, 2, 3
SPECIALS = ("<pad>", "<unk>", "<s>", "</s>")


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of one column by id, and how often each stands in the training split.

    `counts[UNK]` are the training tokens outside the vocabulary, `counts[END]` the training rows.
    """

    tokens: tuple[str, ...]
    counts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _id_of(self) -> dict[str, int]:
        return {token: position for position, token in enumerate(self.tokens)}

    def ids(self, tokens: Sequence[str]) -> npt.NDArray[np.int32]:
        """Ids, (T,); UNK for every token outside the vocabulary."""
        find = self._id_of.get
        return np.fromiter((find(token, UNK) for token in tokens), np.int32, len(tokens))

    def words(self, ids: Iterable[int]) -> list[str]:
        """The tokens of ids, (T,), the four special ones as they are written."""
        return [self.tokens[position] for position in ids]

    def log_frequencies(self) -> npt.NDArray[np.float32]:
        """Natural logarithm of each token's smoothed share of the training tokens, (V,).

        Every count is raised by one (Laplace), so that no logarithm is infinite.
        """
        raised = np.asarray(self.counts, np.float64) + 1
        logarithms: npt.NDArray[np.float32] = np.log(raised / raised.sum()).astype(np.float32)
        return logarithms


@dataclass(frozen=True)
class Vocabularies:
    """One vocabulary for each text column of a corpus, and its labels in sorted order."""

    columns: dict[str, Vocabulary]
    labels: tuple[str, ...] = ()


def build(token_lists: Iterable[Sequence[str]], max_size: int, min_count: int) -> Vocabulary:
    """The `max_size` most frequent tokens that occur at least `min_count` times.

    The order is by falling count, then by code point: it hangs on the counts alone. The four
    special tokens come on top of `max_size`; text that spells one of them is unknown.
    """
    counted: Counter[str] = Counter()
    rows = 0
    for tokens in token_lists:
        counted.update(tokens)
        rows += 1
    total = counted.total()
    ordered = sorted(counted.items(), key=lambda item: (-item[1], item[0]))
    kept = [item for item in ordered if item[1] >= min_count and item[0] not in SPECIALS]
    kept = kept[:max_size]
    unknown = total - sum(count for _, count in kept)
    return Vocabulary(
        tokens=(*SPECIALS, *(token for token, _ in kept)),
        counts=(0, unknown, 0, rows, *(count for _, count in kept)),
    )


def of_frame(frame: pd.DataFrame, corpus: Corpus) -> Vocabularies:
    """The vocabularies of a prepared training frame."""
    size, least = corpus.vocabulary.max_size, corpus.vocabulary.min_count
    columns = {
        column: build(
            (tokenizers.split(text, corpus.tokens) for text in frame[column]), size, least
        )
        for column in COLUMNS[corpus.task]
        if column != "label"
    }
    labels = sorted(set(frame["label"])) if "label" in COLUMNS[corpus.task] else []
    return Vocabularies(columns, tuple(labels))


def unknown_rate(vocabulary: Vocabulary, texts: Iterable[str], tokens: Tokens) -> float:
    """Share of the tokens of prepared texts that are outside the vocabulary; 0 of no tokens."""
    counted = Counter(token for text in texts for token in tokenizers.split(text, tokens))
    known = set(vocabulary.tokens) - set(SPECIALS)
    unknown = sum(count for token, count in counted.items() if token not in known)
    return unknown / max(1, counted.total())


def save(vocabularies: Vocabularies, path: Path) -> None:
    """Write all vocabularies of a corpus as one JSON file; a reader never sees half of it."""
    tree: dict[str, Any] = {
        "columns": {
            name: {"tokens": list(vocabulary.tokens), "counts": list(vocabulary.counts)}
            for name, vocabulary in vocabularies.columns.items()
        }
    }
    if vocabularies.labels:
        tree["labels"] = list(vocabularies.labels)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(console.as_json(tree), encoding="utf-8", newline="\n")
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: Path) -> Vocabularies:
    """Read what `save` wrote.

    Raises:
        Refusal: the file is missing, or is no vocabulary.
    """
    try:
        tree = json.loads(path.read_text(encoding="utf-8"))
        columns = {name: _vocabulary(column) for name, column in tree["columns"].items()}
        return Vocabularies(columns, tuple(tree.get("labels", ())))
    except FileNotFoundError:
        raise Refusal(f"{path} is missing: run build_vocab first.") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        sentence = f"{path} is no vocabulary ({error}): delete it and run build_vocab again."
        raise Refusal(sentence) from None


def _vocabulary(column: dict[str, Any]) -> Vocabulary:
    tokens, counts = tuple(column["tokens"]), tuple(column["counts"])
    if tokens[:4] != SPECIALS:
        raise ValueError("it does not begin with the four special tokens")
    if len(tokens) != len(counts) or len(set(tokens)) != len(tokens):
        raise ValueError("its tokens are not one to one with their counts")
    return Vocabulary(tokens, counts)
