"""Proposed values of `corpora.<name>`, with a reason for each."""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from pipelines.config import task_schemas
from pipelines.config.params import SUB_WORDS, Cleaning, Tokens
from pipelines.data.near_duplicates import Codes, band_keys, groups
from pipelines.errors import UserError, suggest
from pipelines.proposals.columns import Choice
from pipelines.proposals.layouts import Layout
from pipelines.proposals.options import Options
from pipelines.proposals.statistics import Statistics
from pipelines.text import tokenizers
from pipelines.text.normalization import normalize_many

# Scripts without blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
SPACELESS = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)
KINDS: tuple[Tokens, ...] = ("characters", "words", "spaces", "bpe", "unigram")
METHODS = ("contiguous", "shuffled", "stratified", "given")
UNITS = {"characters": "characters", "words": "words", "spaces": "words"}
FEW_ROWS = 50_000  # up to which letters in lower case are worth what they hide
MANY_DOCUMENTS = 20  # from which whole documents are in one part
HELD_OUT = 0.1
UNKNOWN = 0.15  # rate of unknown words from which sub-words are better
COMMON_BOUND = 0.1  # `checks.unknown_rate.max` of every corpus
SURPLUS = 0.005  # unknown words; from twice as many, `checks.unknown_drift` of every corpus warns
NEAR_DUPLICATES = 0.8
LARGE_GROUP = 0.05  # share of the rows that a group of near-duplicates may have
UNKNOWN_TOKENS = {"<unk>", "<UNK>"}  # of text that others have split into tokens
FEW_DROPPED = 0.05  # share of empty and repeated rows that `checks.rows.min` has room for
RARE = 10  # different texts of a label from which each part gets some
RUNNING_ROW = 10_000  # tokens after which a row of running text is cut


class Sizes(NamedTuple):
    """Sizes that decide on those of the models.

    Attributes:
        rows: number of rows.
        tokens: mean number of tokens of a row in each text column.
        vocabulary: maximum number of different tokens.
        labels: number of labels.
    """

    rows: int
    tokens: tuple[float, ...]
    vocabulary: int
    labels: int


class CorpusProposal(NamedTuple):
    """Values of `corpora.<name>` but the source, a reason for some keys, and the sizes."""

    values: dict[str, Any]
    reasons: dict[str, str]
    sizes: Sizes


class _Text(NamedTuple):
    """Tokens of the sample.

    Attributes:
        rows: for each row, the tokens of each text column.
        training: for each row, whether a model learns from it.
        tokens: their kind.
    """

    rows: Sequence[Sequence[Sequence[str]]]
    training: Sequence[bool]
    tokens: Tokens

    def lengths(self) -> Any:
        """Return the numbers of tokens, (rows, columns)."""
        return np.array([[len(column) for column in row] for row in self.rows])


def propose_corpus(
    choice: Choice,
    layout: Layout,
    reader: Mapping[str, Any],
    statistics: Statistics,
    options: Options,
) -> CorpusProposal:
    """Return the values of a corpus.

    Args:
        choice: task and columns.
        layout: of the files.
        reader: values of `reader`, with the columns.
        statistics: of the rows.
        options: values that a person has set.

    Raises:
        UserError: an option has an invalid value.
    """
    schema = task_schemas.get(choice.task)
    places = [schema.columns.index(column) for column in schema.text_columns]
    repeated = choice.task == "classification"
    used = _without_repeated(statistics) if repeated else statistics
    texts = [[row[place] for place in places] for row in used.sample]
    reasons = {"task": choice.reason, "reader": layout.reason}
    training = _training(layout, used)
    lowercase, reasons["lowercase"] = _lowercase(choice.task, texts, used.rows)
    words = _split(texts, training, "words", lowercase)
    tokens, reasons["tokens"] = _tokens(choice.task, words, texts, used.rows, options)
    if tokens == "characters" and schema.running_text:
        lowercase, reasons["lowercase"] = False, "the text as it is"
    sample = words if tokens == "words" else _split(texts, training, tokens, lowercase)
    vocabulary, reasons["vocabulary"] = _vocabulary(choice.task, sample, used.rows)
    labels = [row[-1].strip() for row in used.sample] if statistics.labels else []
    max_length, reasons["max_length"] = _max_length(sample, schema.running_text, labels)
    cleaning = {"unicode": "NFC", "lowercase": lowercase, "max_length": max_length}
    split, reasons["split"] = _split_values(choice.task, layout, texts, used, options)
    checks, reasons["checks"] = _checks(
        choice.task, sample, statistics, vocabulary, bool(layout.parts)
    )
    values: dict[str, Any] = {
        "task": choice.task,
        "reader": dict(reader),
        "cleaning": {**cleaning, "drop_repeated": repeated},
        "tokens": tokens,
        "split": split,
        "vocabulary": vocabulary,
        "checks": checks,
    }
    if repeated:
        share = statistics.repeated
        reasons["drop_repeated"] = f"a text counts once ({share:.1%} of the texts are repeated)"
    if schema.running_text:
        length = 400 if tokens == "characters" else 100
        samples = {"beginning": _beginning(texts, tokens), "length": length, "temperature": 0.8}
        values["samples"] = samples
        reasons["samples"] = "text that the models write, from the beginning of a row"
    means = tuple(float(mean) * _pieces(sample, tokens) for mean in sample.lengths().mean(axis=0))
    sizes = Sizes(statistics.rows, means, vocabulary["max_size"], len(statistics.labels))
    return CorpusProposal(values, reasons, sizes)


def _without_repeated(statistics: Statistics) -> Statistics:
    """Return statistics with each text of the sample once: `drop_repeated` drops the others."""
    places = {
        (group, row[0].strip().lower()): place
        for place, (group, row) in reversed(
            list(enumerate(zip(statistics.sample_groups, statistics.sample, strict=True)))
        )
    }
    chosen = sorted(places.values())
    return dataclasses.replace(
        statistics,
        rows=max(1, statistics.rows * len(chosen) // max(1, len(statistics.sample))),
        sample=[statistics.sample[place] for place in chosen],
        sample_groups=[statistics.sample_groups[place] for place in chosen],
    )


def _pieces(sample: _Text, tokens: Tokens) -> float:
    """Return about how many sub-words a word has."""
    if tokens not in SUB_WORDS:
        return 1.0
    words = [word for row in sample.rows for column in row for word in column]
    return max(1.3, sum(map(len, words)) / max(1, len(words)) / 4)


def _split(
    texts: Sequence[Sequence[str]], training: Sequence[bool], tokens: Tokens, lowercase: bool
) -> _Text:
    cleaning = Cleaning(unicode="NFC", lowercase=lowercase, max_length=1, drop_repeated=False)
    columns = [
        [tokenizers.split(text, tokens) for text in normalize_many(list(column), cleaning, tokens)]
        for column in zip(*texts, strict=True)
    ]
    return _Text(list(zip(*columns, strict=True)), training, tokens)


def _training(layout: Layout, statistics: Statistics) -> list[bool]:
    """Return True for the rows of the sample that are in training, or may be."""
    if layout.parts:
        return [group == 0 for group in statistics.sample_groups]
    cut = math.ceil(len(statistics.sample) * (1 - HELD_OUT))
    return [row < cut for row in range(len(statistics.sample))]


def _lowercase(task: str, texts: Sequence[Sequence[str]], rows: int) -> tuple[bool, str]:
    joined = "".join(text for row in texts for text in row)
    if joined == joined.lower() == joined.upper():
        return False, "the script has no upper case"
    if task == "tagging":
        return False, "upper case marks names"
    if joined == joined.lower():
        return True, "the texts have no upper case"
    if rows > FEW_ROWS:
        return False, f"{rows:,} rows are enough to learn both cases"
    return True, f"{rows:,} rows are few, and words are more frequent without upper case"


def _tokens(
    task: str, words: _Text, texts: Sequence[Sequence[str]], rows: int, options: Options
) -> tuple[Tokens, str]:
    if options.tokens is not None:
        for kind in KINDS:
            if kind == options.tokens:
                return kind, "set by --tokens"
        raise UserError(
            f"--tokens: there is no '{options.tokens}'{suggest(options.tokens, KINDS)}."
        )
    if task == "tagging":
        return "spaces", "the tags are aligned with them"
    tokenised = {token for row in texts for text in row for token in text.split()}
    if UNKNOWN_TOKENS & tokenised:
        return "spaces", "the texts are split into tokens, some of which are <unk>"
    joined = "".join(text for row in texts[:2000] for text in row)
    letters = sum(character.isalpha() for character in joined)
    if len(SPACELESS.findall(joined)) > 0.3 * letters:
        if task == "translation" and rows >= 2000:
            return "unigram", "sub-words: the script has no blanks between words"
        return "characters", "the script has no blanks between words"
    rate = _unknown_rate(words, _min_count("words", rows), 10**9)
    if rate > UNKNOWN and rows >= 2000:
        return "bpe", f"sub-words: {rate:.0%} of the words of other rows would be unknown"
    return "words", f"{rate:.1%} of the words of other rows are unknown"


def _min_count(tokens: Tokens, rows: int) -> int:
    return 2 if tokens in ("words", "spaces") and rows >= 1000 else 1


def _unknown_rate(sample: _Text, min_count: int, max_size: int) -> float:
    """Return the rate of unknown tokens in rows that are held out."""
    rates = []
    for column in range(len(sample.rows[0])):
        counts: Counter[str] = Counter()
        others: Counter[str] = Counter()
        for row, is_training in zip(sample.rows, sample.training, strict=True):
            (counts if is_training else others).update(row[column])
        common = {token for token, count in counts.most_common(max_size) if count >= min_count}
        unknown = sum(count for token, count in others.items() if token not in common)
        rates.append(unknown / max(1, others.total()))
    return max(rates)


def _vocabulary(task: str, sample: _Text, rows: int) -> tuple[dict[str, int], str]:
    columns = [
        Counter(token for row in sample.rows for token in row[column])
        for column in range(len(sample.rows[0]))
    ]
    if sample.tokens in SUB_WORDS:
        characters = max(
            len({letter for token in counts for letter in token}) for counts in columns
        )
        total = max(counts.total() for counts in columns)
        size = min(8000, max(500, _round_up(total // 50)))
        return {"max_size": max(size, 2 * characters)}, f"sub-words for {rows:,} rows"
    min_count = _min_count(sample.tokens, rows)
    frequent = max(sum(count >= min_count for count in counts.values()) for counts in columns)
    # More rows have more words: the number grows as their square root (Heaps 1978).
    frequent = int(frequent * math.sqrt(max(1.0, rows / len(sample.rows))))
    cap = 20_000 if task in ("classification", "tagging") else 10_000
    size = min(cap, _round_up(max(100, frequent)))
    times = "twice" if min_count == 2 else "once"
    reason = f"about {frequent:,} different {UNITS[sample.tokens]} occur at least {times}"
    return {"max_size": size, "min_count": min_count}, reason


def _round_up(number: int) -> int:
    """Return the next number of one digit and zeros."""
    unit: int = 10 ** (len(str(number)) - 1)
    return unit * -(-number // unit)


def _max_length(sample: _Text, running: bool, labels: Sequence[str]) -> tuple[int, str]:
    """Return `max_length`: few texts are longer, and no label has longer ones only."""
    if running:
        return RUNNING_ROW, "running text, which is never dropped"
    longest = sample.lengths().max(axis=1)
    quantile = max(1, int(np.quantile(longest, 0.99, method="higher")))
    unit = UNITS.get(sample.tokens, "words")
    shortest: dict[str, int] = {}
    for label, length in zip(labels, longest.tolist(), strict=False):
        shortest[label] = min(length, shortest.get(label, length))
    needed = max(shortest.values(), default=0)
    if needed > quantile:
        return needed, f"the shortest text of a label has {needed:,} {unit}"
    return quantile, f"99 % of the texts have at most {quantile:,} {unit}"


def _split_values(
    task: str,
    layout: Layout,
    texts: Sequence[Sequence[str]],
    statistics: Statistics,
    options: Options,
) -> tuple[dict[str, Any], str]:
    method = options.split
    if method is not None and method not in METHODS:
        raise UserError(f"--split: there is no '{method}'{suggest(method, METHODS)}.")
    schema = task_schemas.get(task)
    labelled = schema.label_column is not None and not schema.labels_per_token
    if method == "stratified" and not labelled:
        raise UserError(f"--split stratified needs a label for each row, and the task is {task}.")
    if layout.parts:
        names = {part: [file.name for file in files] for part, files in layout.parts.items()}
        return {"method": "given", **names}, "the names of the files say train, valid and test"
    if method == "given":
        raise UserError("--split given needs files whose names say train, valid and test.")
    running = task == "language_modelling" and layout.format == "lines"
    share = 0.05 if statistics.characters > 2_000_000 else 0.1
    fractions = {"valid": share, "test": share}
    if method == "contiguous" or (method is None and running):
        if statistics.documents >= MANY_DOCUMENTS:
            return (
                {"method": "contiguous", "by": "document", **fractions},
                "whole files in their order",
            )
        return {"method": "contiguous", **fractions}, "running text keeps its order"
    codes = groups(band_keys(["\n".join(row) for row in texts], NEAR_DUPLICATES))
    grouping, why = _near_duplicates(codes)
    values = {**fractions, **grouping}
    if method is None and statistics.labels:
        method = "stratified"
        if grouping and not _are_frequent(codes, statistics):
            values, why = fractions, "some labels are too rare to group texts that are similar"
        rare = sum(count < 3 for count in statistics.labels.values())
        why += f"; {rare} labels of fewer than 3 rows are in train only" if rare else ""
    method = method or "shuffled"
    order = "each part has the same labels" if method == "stratified" else "rows in a random order"
    return {"method": method, **values}, f"{order}; {why}"


def _near_duplicates(codes: Codes) -> tuple[dict[str, float], str]:
    """Return `near_duplicates`, unless that would put much of the corpus into one part."""
    sizes = np.bincount(codes)
    alike = sizes[sizes > 1].sum() / len(codes)
    if sizes.max() > LARGE_GROUP * len(codes):
        return {}, f"{alike:.0%} of the texts are so similar that they cannot stay in one part"
    why = f"texts that are nearly the same ({alike:.1%} have such a twin) stay in one part"
    return {"near_duplicates": NEAR_DUPLICATES}, why


def _are_frequent(codes: Codes, statistics: Statistics) -> bool:
    """Return True if each label has groups of texts for all parts."""
    _, first = np.unique(codes, return_index=True)
    counts = Counter(statistics.sample[row][-1].strip() for row in first)
    return min(counts[label] for label in statistics.labels) >= RARE


def _checks(
    task: str,
    sample: _Text,
    statistics: Statistics,
    vocabulary: Mapping[str, int],
    given: bool,
) -> tuple[dict[str, Any], str]:
    dropped = statistics.empty / statistics.rows
    if task == "classification":
        repeated = statistics.repeated  # of a sample: in all rows, it is more
        repeated *= 1.0 if statistics.rows == len(statistics.sample) else 2.0
        dropped += (1 - dropped) * min(repeated, 0.9)
    if dropped < FEW_DROPPED:
        dropped = 0.0
    rows = max(1, int(statistics.rows * 0.9 * (1 - dropped)))
    checks: dict[str, Any] = {"rows": {"min": rows}}
    reasons = ["rows: nine tenths of today's"]
    if dropped:
        reasons = ["rows: nine tenths of those that are neither empty nor repeated"]
    if dropped > 0.4:
        checks["dropped"] = {"max": min(1.0, _ceil(dropped * 1.2, 2))}
        reasons.append(f"dropped: about {dropped:.0%} are empty or repeated")
    if statistics.bad_rows:
        share = statistics.bad_rows / (statistics.rows + statistics.bad_rows)
        checks["bad_rows"] = {"max": _ceil(share * 1.5, 4)}
        reasons.append(f"bad_rows: {statistics.bad_rows:,} rows cannot be read")
    if statistics.empty:
        checks["empty"] = {"max": _ceil(statistics.empty / statistics.rows * 1.5, 4)}
        what = "text or label" if statistics.unlabelled else "text"
        reasons.append(f"empty: {statistics.empty:,} rows have no {what}")
    if task == "classification":
        checks["labels"] = {"values": sorted(statistics.labels)}
        reasons.append("labels: all that occur")
        if statistics.unlabelled and not given:
            checks["labels"]["level"] = "warn"
            reasons[-1] += f"; {statistics.unlabelled:,} rows have none, and are dropped"
    if task == "translation":
        lengths = np.maximum(sample.lengths(), 1)
        ratios = lengths.max(axis=1) / lengths.min(axis=1)
        quantile = float(np.quantile(ratios, 0.99))
        checks["length_ratio"] = {"max": max(2.0, _ceil(quantile * 1.5, 1))}
        reasons.append(f"length_ratio: 99 % of the pairs have at most {quantile:.1f}")
    if sample.tokens not in SUB_WORDS:
        rate = _unknown_rate(sample, vocabulary["min_count"], vocabulary["max_size"])
        part = HELD_OUT * statistics.rows * float(sample.lengths().mean(axis=0).min())
        bound = 1.5 * rate + 3 * math.sqrt(max(rate, 0.02) / max(1.0, part))  # chance, in few rows
        if bound > COMMON_BOUND:
            checks["unknown_rate"] = {"max": min(1.0, _ceil(bound, 2))}
            reasons.append(f"unknown_rate: about {rate:.1%} in other rows")
        if vocabulary["min_count"] == 1 and rate > SURPLUS:
            checks["unknown_drift"] = {"surplus": min(1.0, _ceil(bound, 2))}
            reasons.append("unknown_drift: the same, because all words of train are known")
    return checks, "; ".join(reasons)


def _ceil(number: float, digits: int) -> float:
    scale = 10.0**digits
    return math.ceil(number * scale) / scale


def _beginning(texts: Sequence[Sequence[str]], tokens: Tokens) -> str:
    """Return the most frequent beginning of a row."""
    words = Counter(row[0].split()[0] for row in texts if row[0].split())
    if not words:
        raise UserError("No row has a word: set --text to the column of the texts.")
    beginning = words.most_common(1)[0][0]
    return beginning[:5] if tokens == "characters" else beginning


def reader_values(layout: Layout, choice: Choice) -> dict[str, Any]:
    """Return the values of `reader`, with the columns of the task."""
    columns = {"columns": dict(choice.columns)} if choice.columns else {}
    return {**layout.reader, **columns}


def source_values(paths: Sequence[str | Path]) -> dict[str, Any]:
    """Return the values of `source`."""
    return {"kind": "files", "paths": [str(path) for path in paths]}
