"""Vocabularies: tokens and their ids. The first four are padding, unknown, start and end."""

from __future__ import annotations

import base64
import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import numpy.typing as npt
from pydantic import Field, ValidationError, model_validator

from pipelines import files
from pipelines.config import task_schemas
from pipelines.config.error_messages import first_problem
from pipelines.config.params import SUB_WORDS, Corpus, Tokens, VocabularyParams
from pipelines.errors import UserError
from pipelines.text import subwords, token_counts, tokenizers
from pipelines.text.subwords import SPECIALS, Segmenter
from pipelines.text.token_counts import CountedText, TokenCounts
from pipelines.types import ConfigModel

PAD, UNK, START, END = 0, 1, 2, 3
BATCH = 1 << 14  # words that are segmented together

Ids = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Vocabulary:
    """Tokens of one column by id, and their counts in the training split.

    `counts[UNK]` is the number of training tokens outside the vocabulary, `counts[END]` that of
    training rows.

    Attributes:
        tokens: (V,), by id.
        counts: (V,), by id.
        kind: kind of the tokens.
        segmenter: model of the sub-words; None for other kinds.
    """

    tokens: tuple[str, ...]
    counts: tuple[int, ...]
    kind: Tokens
    segmenter: Segmenter | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def _id_of(self) -> dict[str, int]:
        # A special token that is spelled out in a text is unknown.
        return {token: index for index, token in enumerate(self.tokens) if index >= len(SPECIALS)}

    def split(self, text: str) -> list[str]:
        """Return the tokens of normalised text, in the vocabulary or not."""
        return _splitter(self.kind, self.segmenter)(text)

    def encode(self, text: str) -> Ids:
        """Return the ids of normalised text, (T,)."""
        return self.encode_tokens(self.split(text))

    def encode_tokens(self, tokens: Sequence[str]) -> Ids:
        """Return the ids of tokens, (T,); `UNK` for a token outside the vocabulary."""
        id_of = self._id_of.get
        return np.fromiter((id_of(token, UNK) for token in tokens), np.int32, len(tokens))

    def encode_sampled(self, texts: Iterable[str], strength: float, seed: int) -> Iterator[Ids]:
        """Yield the ids (T,) of each normalised text in randomly sampled sub-words.

        Args:
            texts: normalised texts.
            strength: see `subwords.sample_segmentations`.
            seed: seed of the sampling.

        Raises:
            UserError: the tokens are not sub-words.
        """
        if self.segmenter is None:
            raise UserError(
                f"'subword_sampling' needs sub-words, but this corpus has 'tokens: {self.kind}'. "
                f"Remove it, or use {' or '.join(SUB_WORDS)}."
            )
        scores = self.segmenter.scores
        sampled = subwords.sample_segmentations(texts, self.kind, scores, strength, seed)
        return map(self.encode_tokens, sampled)

    def decode_tokens(self, ids: Iterable[int]) -> list[str]:
        """Return the tokens of ids (T,), special tokens included."""
        return [self.tokens[index] for index in ids]

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of ids: `decode(encode(x)) == x` if all tokens of x are known."""
        return self.join(self.decode_tokens(ids))

    def join(self, tokens: Sequence[str]) -> str:
        """Return the text of tokens: `join(split(x)) == x`."""
        return subwords.join(tokens) if self.segmenter else tokenizers.join(tokens, self.kind)

    def log_frequencies(self) -> npt.NDArray[np.float32]:
        """Return the log of each token's relative frequency in the training split, (V,).

        Every count is increased by one (Laplace smoothing), so that no logarithm is infinite.
        """
        counts = np.asarray(self.counts, np.float64) + 1
        logarithms: npt.NDArray[np.float32] = np.log(counts / counts.sum()).astype(np.float32)
        return logarithms


@dataclass(frozen=True)
class Vocabularies:
    """Vocabularies of the text columns of a corpus, and its sorted labels.

    Shared vocabularies have the same tokens, but each has its own counts.
    """

    columns: dict[str, Vocabulary]
    labels: tuple[str, ...] = ()


# Building ---------------------------------------------------------------------------------------


MAX_WORDS = 1 << 20  # distinct words from which byte pairs are learnt, the most frequent ones
MAX_CHARACTERS = 1 << 24  # of the rows from which unigram sub-words are learnt


def build(
    texts: Sequence[str], kind: Tokens, max_size: int, min_count: int | None = None
) -> Vocabulary:
    """Return the vocabulary of texts in memory; see `build_from_counts`."""
    counted = token_counts.count_in_memory({"text": texts}, kind)
    return build_from_counts(counted, ["text"], kind, max_size, min_count)


def build_from_counts(
    counted: CountedText,
    columns: Sequence[str],
    kind: Tokens,
    max_size: int,
    min_count: int | None = None,
) -> Vocabulary:
    """Return the `max_size` most frequent tokens that occur at least `min_count` times.

    They are in order of decreasing count, then of code points. The four special tokens do not count
    towards `max_size`; a special token that is spelled out in a text is unknown. Sub-words are
    learnt first: byte pairs from the most frequent words, unigram sub-words from rows that are
    evenly spread over the text, and both from all characters.

    Args:
        counted: the text.
        columns: of the text; several have one vocabulary.
        kind: kind of the tokens.
        max_size: maximum number of tokens.
        min_count: minimum number of occurrences.
    """
    counts = counted.counts(columns)
    if kind in SUB_WORDS:
        segmenter = _train_segmenter(counted, columns, kind, max_size)
        return _with_pieces(segmenter, counts, kind)
    most_frequent = counts.most_frequent(max_size + len(SPECIALS), min_count or 0)
    frequent = [pair for pair in most_frequent if pair[0] not in SPECIALS][:max_size]
    tokens = (*SPECIALS, *(token for token, _ in frequent))
    numbers = [number for _, number in frequent]
    unknown = counts.total - sum(numbers)
    return Vocabulary(tokens, (0, unknown, 0, counts.rows, *numbers), kind)


def build_vocabularies(counted: CountedText, corpus: Corpus) -> Vocabularies:
    """Return the vocabularies of the training text of a corpus."""
    schema = task_schemas.get(corpus.task)
    kind, config = corpus.tokens, corpus.vocabulary
    if config.shared:
        names = list(schema.text_columns)
        shared = build_from_counts(counted, names, kind, config.max_size, config.min_count)
        columns = {column: _with_counts_of(shared, counted.counts([column])) for column in names}
    else:
        columns = {
            column: build_from_counts(counted, [column], kind, config.max_size, config.min_count)
            for column in schema.text_columns
        }
    return Vocabularies(columns, counted.labels)


def estimate_kind(corpus: Corpus) -> Tokens:
    """Return the kind of tokens that `estimate_vocabularies` counts."""
    return "characters" if corpus.tokens in SUB_WORDS else corpus.tokens


def estimate_vocabularies(counted: CountedText, corpus: Corpus) -> Vocabularies:
    """Return vocabularies, with characters in place of sub-words, which are slow to learn."""
    if corpus.tokens not in SUB_WORDS:
        return build_vocabularies(counted, corpus)
    unlimited = VocabularyParams(max_size=10**9, min_count=1, shared=corpus.vocabulary.shared)
    return build_vocabularies(
        counted, corpus.model_copy(update={"tokens": "characters", "vocabulary": unlimited})
    )


def _train_segmenter(
    counted: CountedText, columns: Sequence[str], kind: Tokens, max_size: int
) -> Segmenter:
    counts = counted.counts(columns)
    characters: set[str] = set()
    size = 0
    for word, number in counts:
        characters.update(word)
        size += (len(word) + 1) * number
    if kind == "bpe":
        return subwords.train(counts.most_frequent(MAX_WORDS), kind, max_size, characters)
    step = -(-size // MAX_CHARACTERS)  # every text, every second one, every third one, ...
    texts = chain.from_iterable(
        islice(counted.texts(column), 0, None, max(1, step)) for column in columns
    )
    return subwords.train(((text, 1) for text in texts), kind, max_size, characters)


def _with_pieces(segmenter: Segmenter, counts: TokenCounts, kind: Tokens) -> Vocabulary:
    """Return the pieces of a segmenter with their numbers in the text."""
    numbers = _count_pieces(segmenter, counts)
    pieces = [piece for piece in segmenter.scores if piece not in SPECIALS]
    pieces.sort(key=lambda piece: (-numbers[piece], piece))
    known = [numbers[piece] for piece in pieces]
    unknown = numbers.total() - sum(known)
    return Vocabulary((*SPECIALS, *pieces), (0, unknown, 0, counts.rows, *known), kind, segmenter)


def _count_pieces(segmenter: Segmenter, counts: TokenCounts) -> Counter[str]:
    """Count the pieces of words: no piece crosses the blank between two words."""
    numbers: Counter[str] = Counter()
    words = iter(counts)
    while pairs := list(islice(words, BATCH)):
        split = segmenter.split_many([word for word, _ in pairs])
        for (_, number), pieces in zip(pairs, split, strict=True):
            for piece in pieces:
                numbers[piece] += number
    return numbers


def unknown_rate(vocabulary: Vocabulary, texts: Iterable[str]) -> float:
    """Return the fraction of tokens outside the vocabulary; 0 if there are no tokens."""
    counts = _count(texts, vocabulary.split)
    in_vocabulary = set(vocabulary.tokens) - set(SPECIALS)
    unknown = sum(count for token, count in counts.items() if token not in in_vocabulary)
    return unknown / max(1, counts.total())


def unknown_share(vocabulary: Vocabulary, counts: TokenCounts) -> float:
    """Return the fraction of counted tokens outside the vocabulary; 0 if there are no tokens."""
    total = counts.total
    return (total - sum(counts.of(vocabulary.tokens[len(SPECIALS) :]))) / max(1, total)


def _splitter(kind: Tokens, segmenter: Segmenter | None) -> Callable[[str], list[str]]:
    return segmenter.split if segmenter else partial(tokenizers.split, tokens=kind)


def _count(texts: Iterable[str], split: Callable[[str], list[str]]) -> Counter[str]:
    return Counter(token for text in texts for token in split(text))


def _with_counts_of(shared: Vocabulary, counts: TokenCounts) -> Vocabulary:
    """Return the same tokens with the counts of one column."""
    tokens = shared.tokens[len(SPECIALS) :]
    if shared.segmenter is None:
        known, total = counts.of(tokens), counts.total
    else:
        numbers = _count_pieces(shared.segmenter, counts)
        known, total = [numbers[token] for token in tokens], numbers.total()
    return dataclasses.replace(shared, counts=(0, total - sum(known), 0, counts.rows, *known))


# On disk ----------------------------------------------------------------------------------------


class _ColumnFile(ConfigModel):
    """Vocabulary of one column, as `save` writes it."""

    kind: Tokens
    tokens: tuple[str, ...]
    counts: tuple[Annotated[int, Field(ge=0)], ...]
    segmenter: str | None = None

    @model_validator(mode="after")
    def _check_tokens(self) -> Self:
        if self.tokens[: len(SPECIALS)] != SPECIALS:
            raise ValueError("it does not start with the four special tokens")
        if len(self.tokens) != len(self.counts) or len(set(self.tokens)) != len(self.tokens):
            raise ValueError("tokens and counts do not match")
        if (self.segmenter is None) == (self.kind in SUB_WORDS):
            raise ValueError(f"{self.kind} does not match the segmenter")
        return self


class _VocabularyFile(ConfigModel):
    """Vocabularies of a corpus, as `save` writes them."""

    columns: Annotated[dict[str, _ColumnFile], Field(min_length=1)]
    labels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        if list(self.labels or ()) != sorted(set(self.labels or ())):
            raise ValueError("the labels are not in order")
        return self


def save(vocabularies: Vocabularies, path: Path) -> None:
    """Write all vocabularies of a corpus as one JSON file."""
    tree: dict[str, Any] = {
        "columns": {name: _to_tree(column) for name, column in vocabularies.columns.items()}
    }
    if vocabularies.labels:
        tree["labels"] = list(vocabularies.labels)
    files.write_json(path, tree)


def load(path: Path) -> Vocabularies:
    """Load the vocabularies of a corpus.

    Raises:
        UserError: the file is missing or damaged.
    """
    try:
        content = _VocabularyFile.model_validate_json(path.read_bytes())
        columns = {name: _from_tree(column) for name, column in content.columns.items()}
        return Vocabularies(columns, content.labels or ())
    except FileNotFoundError:
        raise UserError(
            f"{path} does not exist. Run `seqproof run build_vocab@{path.stem}`."
        ) from None
    except (ValueError, RuntimeError) as error:  # of pydantic, base64 or SentencePiece
        problem = first_problem(error) if isinstance(error, ValidationError) else str(error)
        raise UserError(
            f"{path} is not a valid vocabulary ({problem}). Delete it and run "
            f"`seqproof run build_vocab@{path.stem}`."
        ) from None


def _to_tree(vocabulary: Vocabulary) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "kind": vocabulary.kind,
        "tokens": list(vocabulary.tokens),
        "counts": list(vocabulary.counts),
    }
    if vocabulary.segmenter is not None:
        tree["segmenter"] = base64.b64encode(vocabulary.segmenter.model).decode("ascii")
    return tree


def _from_tree(column: _ColumnFile) -> Vocabulary:
    if column.segmenter is None:
        return Vocabulary(column.tokens, column.counts, column.kind)
    segmenter = Segmenter(base64.b64decode(column.segmenter, validate=True))
    if set(segmenter.scores) != set(column.tokens[len(SPECIALS) :]):
        raise ValueError("tokens and segmenter do not match")
    return Vocabulary(column.tokens, column.counts, column.kind, segmenter)
