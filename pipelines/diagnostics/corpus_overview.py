"""Overview of the text of a corpus before any training, and what it suggests for params.yaml."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import SUB_WORDS, Corpus, GivenSplit
from pipelines.data import languages, near_duplicates, split_statistics
from pipelines.text import tokenizers
from pipelines.text.normalization import normalize_many
from pipelines.types import Tokens

BATCH = 5000  # texts that are normalised at a time
PARTS = 5  # points of the vocabulary's growth
HELD_OUT = 10  # each tenth row is compared with the others
SAMPLE = 5000  # texts whose languages and near-duplicates are identified
SIMILARITY = 0.8  # of near-duplicates
# Scripts whose words have no blanks between them.
UNSPACED = {"Cjk", "Hiragana", "Katakana", "Thai", "Lao", "Khmer", "Myanmar", "Tibetan"}

Lengths = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TextOverview:
    """Overview of one text column.

    Attributes:
        name: of the column.
        tokens: what the tokens are.
        characters: number of characters of each raw text, (rows,).
        lengths: number of tokens of each normalised text, (rows,).
        counts: number of occurrences of each token.
        growth: number of different tokens in the first fifth of the rows, in two fifths, and so on.
        new_tokens: share of the tokens of every tenth row that the other rows do not have.
        repeated: rows whose text an earlier row has, exactly.
        similar: rows whose text an earlier row has, ignoring case, spaces and punctuation.
        near: share of the texts of a sample that are nearly the same as another one.
        languages: number of texts of a sample by language.
        scripts: number of texts of a sample by script.
    """

    name: str
    tokens: Tokens
    characters: Lengths
    lengths: Lengths
    counts: Counter[str]
    growth: Sequence[int]
    new_tokens: float
    repeated: int
    similar: int
    near: float
    languages: Counter[str]
    scripts: Counter[str]

    @property
    def empty(self) -> int:
        """Number of rows without a token."""
        return int((self.lengths == 0).sum())


@dataclass(frozen=True)
class Overview:
    """Overview of a corpus.

    Attributes:
        corpus: its configuration.
        rows: number of rows.
        texts: the text columns.
        labels: number of rows, or of tokens, by label.
        conflicts: rows whose text has another label elsewhere.
    """

    corpus: Corpus
    rows: int
    texts: Sequence[TextOverview]
    labels: Counter[str] = field(default_factory=Counter)
    conflicts: int = 0

    @cached_property
    def suggestions(self) -> list[str]:
        """Keys of params.yaml that the text suggests to change, each with the reason."""
        lines = [line for text in self.texts for line in _of_text(text, self.corpus)]
        return list(dict.fromkeys([*lines, *_of_labels(self)]))


def look_at(rows: pd.DataFrame, corpus: Corpus) -> Overview:
    """Return the overview of raw or prepared rows, which are normalised first.

    Args:
        rows: with the columns of the task.
        corpus: configuration of the corpus.
    """
    schema = task_schemas.get(corpus.task)
    texts = [_text(column, list(rows[column]), corpus) for column in schema.text_columns]
    if schema.label_column is None:
        return Overview(corpus, len(rows), texts)
    labels = list(rows[schema.label_column])
    if schema.labels_per_token:
        counts = Counter(label for row in labels for label in row.split())
        return Overview(corpus, len(rows), texts, counts)
    keys = split_statistics.folded_keys([list(rows[schema.text_columns[0]])])
    different = pd.Series(labels, dtype=object).groupby(keys).transform("nunique") > 1
    return Overview(corpus, len(rows), texts, Counter(labels), int(different.sum()))


def _text(name: str, raw: list[str], corpus: Corpus) -> TextOverview:
    texts: list[str] = []
    for start in range(0, len(raw), BATCH):
        texts += normalize_many(raw[start : start + BATCH], corpus.cleaning, corpus.tokens)
    tokens: Tokens = "spaces" if corpus.tokens in SUB_WORDS else corpus.tokens
    lengths, growth, parts = [], [], (Counter[str](), Counter[str]())
    counts: Counter[str] = Counter()
    for number, text in enumerate(texts):
        split = tokenizers.split(text, tokens)
        lengths.append(len(split))
        parts[number % HELD_OUT == 0].update(split)
        counts.update(split)
        if (number + 1) * PARTS // len(texts) > number * PARTS // len(texts):
            growth.append(len(counts))
    held_out = parts[1]
    new = sum(count for token, count in held_out.items() if token not in parts[0])
    exact, folded = (keys([texts]) for keys in _KEYS)
    sample = texts[:: max(1, len(texts) // SAMPLE)][:SAMPLE]
    return TextOverview(
        name=name,
        tokens=corpus.tokens,
        characters=np.fromiter(map(len, raw), np.int64, len(raw)),
        lengths=np.asarray(lengths, np.int64),
        counts=counts,
        growth=growth,
        new_tokens=new / max(1, held_out.total()),
        repeated=len(exact) - len(np.unique(exact)),
        similar=len(folded) - len(np.unique(folded)),
        near=_near(sample),
        languages=languages.count_languages(sample),
        scripts=languages.count_scripts(sample),
    )


_KEYS = (split_statistics.exact_keys, split_statistics.folded_keys)


def _near(texts: Sequence[str]) -> float:
    """Return the share of texts that share a band of MinHash with an earlier one."""
    if not texts:
        return 0.0
    keys = near_duplicates.band_keys(texts, SIMILARITY)
    repeated = np.zeros(len(texts), bool)
    for band in keys.T:
        _, first = np.unique(band, return_index=True)
        is_first = np.zeros(len(texts), bool)
        is_first[first] = True
        repeated |= ~is_first
    return float(repeated.mean())


# Suggestions -------------------------------------------------------------------------------------


def _of_text(text: TextOverview, corpus: Corpus) -> Iterator[str]:
    lengths, rows = text.lengths, max(1, len(text.lengths))
    unit = "words" if text.tokens in SUB_WORDS else "tokens"
    limit = corpus.cleaning.max_length
    too_long, most = int((lengths > limit).sum()), _round_up(np.quantile(lengths, 0.99))
    if too_long > 0.01 * rows:
        yield (
            f"cleaning.max_length: {most} keeps 99 % of the rows; {limit} drops {too_long:,} of "
            f"{rows:,}, which have more {unit} in {text.name}"
        )
    if text.empty:
        yield f"cleaning drops {text.empty:,} rows that have no {unit} in {text.name}"
    yield from _of_vocabulary(text, corpus)
    yield from _of_repeats(text, corpus, rows)
    yield from _of_languages(text)


def _of_vocabulary(text: TextOverview, corpus: Corpus) -> Iterator[str]:
    size, count = corpus.vocabulary.max_size, corpus.vocabulary.min_count
    if text.tokens in SUB_WORDS or count is None:
        return
    frequent = sum(number >= count for number in text.counts.values())
    if frequent > size:
        left = text.counts.total() - sum(number for _, number in text.counts.most_common(size))
        yield (
            f"vocabulary.max_size: {size:,} leaves out {frequent - size:,} tokens of {text.name}, "
            f"{left / text.counts.total():.1%} of the text"
        )
    if text.tokens == "words" and text.new_tokens > 0.05:
        yield (
            f"tokens: bpe or unigram: {text.new_tokens:.1%} of the words of {text.name} in a tenth "
            "of the rows do not occur in the others, and no sub-word is unknown"
        )


def _of_repeats(text: TextOverview, corpus: Corpus, rows: int) -> Iterator[str]:
    split = corpus.split
    if task_schemas.get(corpus.task).running_text or isinstance(split, GivenSplit) or split.by:
        return
    if text.repeated > 0.01 * rows and not corpus.cleaning.drop_repeated:
        yield (
            f"cleaning.drop_repeated: true would drop {text.repeated:,} of {rows:,} rows whose "
            f"{text.name} an earlier row has; now the test may repeat the training text"
        )
    if text.near > 0.02 and getattr(split, "near_duplicates", None) is None:
        yield (
            f"split.near_duplicates: {SIMILARITY}: {text.near:.1%} of the rows have a {text.name} "
            "that is nearly the same as an earlier one, and then stay in one split"
        )


def _of_languages(text: TextOverview) -> Iterator[str]:
    total = max(1, text.languages.total())
    others = text.languages.most_common()[1:]
    if others and others[0][1] > 0.05 * total and total > 0.5 * text.scripts.total():
        language, count = others[0]
        yield (
            f"{text.name}: {count / total:.0%} of the texts are in another language ({language}) "
            "than most: is that meant?"
        )
    unspaced = sum(count for script, count in text.scripts.items() if script in UNSPACED)
    if text.tokens == "spaces" and unspaced > 0.5 * text.scripts.total():
        yield (
            f"tokens: characters, words or unigram: {text.name} is in a script without blanks "
            "between words"
        )


def _of_labels(overview: Overview) -> Iterator[str]:
    labels, corpus = overview.labels.most_common(), overview.corpus
    schema = task_schemas.get(corpus.task)
    if schema.label_column is None or schema.labels_per_token:
        return
    unlabelled = sum(count for label, count in labels if not label.strip())
    if unlabelled:
        labels = [(label, count) for label, count in labels if label.strip()]
        yield (
            f"checks.labels.level: warn drops the {unlabelled:,} rows without label, which stop "
            "`preprocess` otherwise"
        )
    unexpected = {label for label, _ in labels} - set(corpus.checks.label_values)
    if corpus.checks.label_values and unexpected:
        names = ", ".join(sorted(unexpected)[:5])
        yield f"checks.labels.values: the text has other labels, too: {names}"
    if labels and labels[0][1] > 5 * labels[-1][1]:
        (common, most), (rare, least) = labels[0], labels[-1]
        yield (
            f"class_weights: balanced of the models, and split.method: stratified: {common} is "
            f"{most / least:.0f} times as frequent as {rare} ({least:,} rows)"
        )
    if overview.conflicts:
        yield (
            f"{overview.conflicts:,} rows have a text with another label elsewhere: correct the "
            "labels, or limit them with checks.label_conflicts"
        )


def _round_up(length: float) -> int:
    """Return a round number that is not less: 10, 20, 50, 100 and the like."""
    size, steps = 10, (2, 2.5, 2)
    step = 0
    while size < length:
        size, step = int(size * steps[step % 3]), step + 1
    return size
