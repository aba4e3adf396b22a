"""Rules of the frames of a corpus: names, sentences and expectations, from `checks` in params.yaml.

Rules without a key in `checks` (columns, longest text, labels of tokens) follow from the task and
from `cleaning`, and always stop the stage.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelines.config import task_schemas
from pipelines.config.checks import Level
from pipelines.config.params import SUB_WORDS, Corpus, GivenSplit
from pipelines.data import expectations_library as library
from pipelines.data import split_statistics
from pipelines.data.cleaning import overlap_columns, text_columns
from pipelines.text.normalization import normalize_labels

# Share of the texts that are at most as long as a typical long one. The longest text of the plays,
# verses, tweets, captions and news of the templates is 1.0 to 6.9 times as long.
TYPICAL_QUANTILE = 0.95
# Characters of a row of running text whose repetition is remarkable: shorter lines ("Enter ROMEO",
# "My lord?") stand in every play.
MIN_REPEATED_LENGTH = 40
CHANCE_LEVEL = 0.001  # of the chi-squared test that chance explains a distance of label counts
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Rule:
    """One rule of a frame.

    Attributes:
        name: of the rule: its key in `checks`, if it has one.
        sentence: the rule in plain English.
        expectation: of Great Expectations.
        level: whether a broken rule stops the stage.
        column: column of the frame that the rule is about, if any.
        max_share: share of the rows that may break a rule of single rows.
        value: measured value of a rule of a whole frame.
        detail: further numbers, in a few words.
    """

    name: str
    sentence: str
    expectation: Any
    level: Level = "error"
    column: str | None = None
    max_share: float = 0.0
    value: float | None = None
    detail: str = ""


@dataclass(frozen=True)
class FrameStatistics:
    """Counts, rates and distances of a whole frame.

    Attributes:
        bad_rows: of raw: number of rows that the reader could not read.
        dropped: of splits: number of rows that cleaning dropped.
        dropped_detail: of splits: the reasons with their numbers, in a few words.
        unknown_rates: of a split: share of the tokens outside the vocabulary, by column.
        labels: of a split of labelled text: number of rows, or of tokens, by label.
        overlap_details: of valid and test: further numbers of `overlap`, by its columns.
        distances: of new data: distance from the training data, by name of the measure.
    """

    bad_rows: int = 0
    dropped: int = 0
    dropped_detail: str = ""
    unknown_rates: Mapping[str, float] = field(default_factory=dict)
    labels: Counter[str] = field(default_factory=Counter)
    overlap_details: Mapping[str, str] = field(default_factory=dict)
    distances: Mapping[str, float] = field(default_factory=dict)


NO_STATISTICS = FrameStatistics()

# Rules of single rows ----------------------------------------------------------------------------


def schema_rule(corpus: Corpus) -> Rule:
    """Return the rule about the columns of a frame."""
    columns = ["document", "line", *task_schemas.get(corpus.task).columns]
    expectation = library.ExpectTaskColumns(column_list=columns)
    return Rule("columns", f"the columns are {', '.join(columns)}", expectation)


def raw_rules(corpus: Corpus, typical_lengths: Mapping[str, float]) -> list[Rule]:
    """Return the rules of single raw rows.

    Args:
        corpus: configuration of the corpus.
        typical_lengths: number of characters that 95 % of the texts keep to, by column.
    """
    checks, rules = corpus.checks, _labels(corpus)
    for column in text_columns(corpus):
        measure = f"characters {column}"
        if checks.empty is not None:
            expectation = library.ExpectText(column=measure)
            rules.append(
                _shared("empty", f"no {column} is empty", expectation, checks.empty, column)
            )
        if checks.length_outlier is not None:
            factor, typical = checks.length_outlier.factor, typical_lengths[column]
            rules.append(
                Rule(
                    "length_outlier",
                    f"no {column} is more than {factor:g} times as long as {TYPICAL_QUANTILE:.0%} "
                    "of them",
                    library.ExpectTextOfUsualLength(
                        column=measure, max_value=factor * max(1.0, typical)
                    ),
                    checks.length_outlier.level,
                    column,
                    detail=f"{TYPICAL_QUANTILE:.0%} have at most {typical:,.0f} characters",
                )
            )
    rules += _token_labels(corpus)
    schema = task_schemas.get(corpus.task)
    if schema.label_column is not None and checks.label_conflicts is not None:
        text, labels = schema.text_columns[0], schema.label_column
        several = f"different {labels}" if schema.labels_per_token else f"more than one {labels}"
        sentence = f"no {text} has {several}, ignoring case, spaces and punctuation"
        expectation = library.ExpectOneLabelPerText()
        rules.append(
            _shared("label_conflicts", sentence, expectation, checks.label_conflicts, text)
        )
    return rules


def split_rules(corpus: Corpus, split: str) -> list[Rule]:
    """Return the rules of single rows of a split."""
    checks, rules = corpus.checks, _labels(corpus)
    unit = "words" if corpus.tokens in SUB_WORDS else "tokens"
    for column in text_columns(corpus):
        measure, limit = f"tokens {column}", corpus.cleaning.max_length
        text = library.ExpectText(column=measure)
        rules.append(Rule("empty", f"no {column} is empty", text, column=column))
        if split == "train" or not isinstance(corpus.split, GivenSplit):
            within = library.ExpectTextWithinMaxLength(column=measure, max_value=limit)
            sentence = f"no {column} has more than {limit:,} {unit}"
            rules.append(Rule("max_length", sentence, within, column=column))
    if checks.length_ratio is not None and checks.length_ratio.max is not None:
        first, second = text_columns(corpus)
        ratio, share = checks.length_ratio.max, checks.length_ratio.share
        sentence = f"neither {first} nor {second} is more than {ratio:g} times as long as the other"
        aligned = library.ExpectAlignedLengths(min_value=1 / ratio, max_value=ratio)
        rule = "length_ratio", _in_most_rows(sentence, share), aligned, checks.length_ratio.level
        rules.append(Rule(*rule, first, share))
    rules += _token_labels(corpus)
    if split != "train":
        rules += [*_in_one_split(corpus), *_not_in_training(corpus)]
    return rules


def _labels(corpus: Corpus) -> list[Rule]:
    values, labels = _label_values(corpus), corpus.checks.labels
    if not values or labels is None:
        return []
    present, known = library.ExpectLabel(), library.ExpectKnownLabel(value_set=values)
    sentence = f"every label is one of {', '.join(values)}"
    return [
        Rule("labelled", "every row has a label", present, labels.level, "label"),
        Rule("labels", sentence, known, labels.level, "label"),
    ]


def _label_values(corpus: Corpus) -> list[str]:
    return normalize_labels(corpus.checks.label_values, corpus.cleaning.unicode)


def _token_labels(corpus: Corpus) -> list[Rule]:
    """Return the rules of a column that has a label for each token."""
    schema = task_schemas.get(corpus.task)
    if not schema.labels_per_token:
        return []
    text, labels = schema.text_columns[0], schema.label_column
    sentence = f"every {text} has as many {labels} as tokens"
    rules = [Rule("label_count", sentence, library.ExpectLabelForEachToken(), column=text)]
    if schema.label_pattern is not None:
        sentence = f"all {labels} match {schema.label_pattern}"
        valid = library.ExpectValidTokenLabels()
        rules.append(Rule("label_pattern", sentence, valid, column=labels))
    return rules


def _in_one_split(corpus: Corpus) -> list[Rule]:
    repeated = corpus.checks.repeated
    if repeated is None:
        return []
    return [
        _shared(
            "repeated",
            f"no {column} is in two splits",
            library.ExpectInOneSplit(column=f"repeated {column}"),
            repeated,
            column,
        )
        for column in columns_in_one_split(corpus)
    ]


def columns_in_one_split(corpus: Corpus) -> list[str]:
    """Return the columns whose values must not be in two splits."""
    if isinstance(corpus.split, GivenSplit):
        return []
    by = [corpus.split.by] if corpus.split.by else []
    unique = text_columns(corpus) if corpus.cleaning.drop_repeated else []
    return list(dict.fromkeys([*by, *unique]))


def _not_in_training(corpus: Corpus) -> list[Rule]:
    overlap = corpus.checks.overlap
    if overlap is None:
        return []
    rules = []
    for columns in overlap_columns(corpus):
        names = " with its ".join(columns)
        if task_schemas.get(corpus.task).running_text:
            names += f" of {MIN_REPEATED_LENGTH} characters or more"
        sentence = f"no {names} is also in train, ignoring case, spaces and punctuation"
        expectation = library.ExpectNotInTraining(column=f"overlap {'+'.join(columns)}")
        rules.append(_shared("overlap", sentence, expectation, overlap, columns[0]))
    return rules


def _shared(name: str, sentence: str, expectation: Any, rule: Any, column: str | None) -> Rule:
    """Return a rule that a share of the rows may break."""
    sentence = _in_most_rows(sentence, rule.max)
    return Rule(name, sentence, expectation, rule.level, column, rule.max)


def _in_most_rows(sentence: str, share: float) -> str:
    return f"in {100 - 100 * share:.4g}% of the rows {sentence}" if share else sentence


# Rules of whole frames ---------------------------------------------------------------------------


def frame_rules(
    corpus: Corpus, frame: str, rows: int, statistics: FrameStatistics, train: FrameStatistics
) -> list[Rule]:
    """Return the rules of a whole frame, each with its value.

    Args:
        corpus: configuration of the corpus.
        frame: raw, splits (all of them), train, valid, test, or any name of new data.
        rows: number of rows of the frame.
        statistics: of the frame.
        train: statistics of the training split.
    """
    rules = []
    if frame in ("raw", "splits"):
        rules += _enough_rows(corpus, rows)
    if frame == "raw":
        rules += _readable(corpus, rows, statistics.bad_rows)
    elif frame == "splits":
        rules += _dropped(corpus, rows, statistics)
    elif frame in SPLITS:
        rules += _unknown_rates(corpus, statistics)
        rules += _all_labels(corpus, statistics) if frame == "train" else []
        rules += _similar_to_training(corpus, statistics, train) if frame != "train" else []
    rules += _no_drift(corpus, statistics.distances)
    return rules


def _enough_rows(corpus: Corpus, rows: int) -> list[Rule]:
    if corpus.checks.rows is None:
        return []
    minimum, level = corpus.checks.rows.min, corpus.checks.rows.level
    expectation = library.ExpectEnoughRows(min_value=minimum)
    sentence = f"there are at least {minimum:,} rows"
    return [Rule("rows", sentence, expectation, level, value=rows)]


def _readable(corpus: Corpus, rows: int, bad_rows: int) -> list[Rule]:
    rule = corpus.checks.bad_rows
    if rule is None:
        return []
    sentence = f"at most {_percent(rule.max)} of the rows cannot be read"
    expectation = library.ExpectReadableRows(max_value=rule.max)
    total = rows + bad_rows
    share, detail = bad_rows / max(1, total), f"{bad_rows:,} of {total:,} rows"
    return [Rule("bad_rows", sentence, expectation, rule.level, value=share, detail=detail)]


def _dropped(corpus: Corpus, rows: int, statistics: FrameStatistics) -> list[Rule]:
    rule = corpus.checks.dropped
    if rule is None:
        return []
    sentence = f"cleaning drops at most {_percent(rule.max)} of the rows"
    expectation = library.ExpectFewDroppedRows(max_value=rule.max)
    total = rows + statistics.dropped
    detail = f"{statistics.dropped:,} of {total:,} rows"
    if statistics.dropped_detail:
        detail += f": {statistics.dropped_detail}"
    share = statistics.dropped / max(1, total)
    return [Rule("dropped", sentence, expectation, rule.level, value=share, detail=detail)]


def _unknown_rates(corpus: Corpus, statistics: FrameStatistics) -> list[Rule]:
    rule = corpus.checks.unknown_rate
    if rule is None:
        return []
    return [
        Rule(
            "unknown_rate",
            f"at most {rule.max:.3g} of the {unit_of_unknowns(corpus)} of {column} are outside the "
            "vocabulary",
            library.ExpectKnownTokens(column=f"unknown_rate {column}", max_value=rule.max),
            rule.level,
            column,
            value=rate,
        )
        for column, rate in statistics.unknown_rates.items()
    ]


def _all_labels(corpus: Corpus, statistics: FrameStatistics) -> list[Rule]:
    values, labels = _label_values(corpus), corpus.checks.labels
    if not values or labels is None:
        return []
    missing = [value for value in values if not statistics.labels[value]]
    sentence = f"each of the labels {', '.join(values)} occurs"
    expectation, detail = library.ExpectAllLabels(), ", ".join(f"no {value}" for value in missing)
    return [
        Rule(
            "all_labels",
            sentence,
            expectation,
            labels.level,
            "label",
            value=len(missing),
            detail=detail,
        )
    ]


def _similar_to_training(
    corpus: Corpus, statistics: FrameStatistics, train: FrameStatistics
) -> list[Rule]:
    rules, drift = [], corpus.checks.unknown_drift
    for column, rate in statistics.unknown_rates.items() if drift else ():
        assert drift is not None
        train_rate = train.unknown_rates[column]
        rules.append(
            Rule(
                "unknown_drift",
                f"at most {drift.factor:g} times as many {unit_of_unknowns(corpus)} of {column} as "
                f"in train are outside the vocabulary, or {_percent(drift.surplus)} more of all",
                library.ExpectSimilarUnknownRate(
                    column=f"unknown_drift {column}",
                    max_value=max(drift.factor * train_rate, train_rate + drift.surplus),
                ),
                drift.level,
                column,
                value=rate,
                detail=f"{train_rate:.4f} in train",
            )
        )
    return rules + _similar_labels(corpus, statistics.labels, train.labels)


def _similar_labels(corpus: Corpus, labels: Counter[str], train: Counter[str]) -> list[Rule]:
    rule, column = corpus.checks.label_drift, task_schemas.get(corpus.task).label_column
    if rule is None or column is None or not labels or not train:
        return []
    share, train_share, label = max(
        (
            (labels[label] / labels.total(), train[label] / train.total(), label)
            for label in sorted({*train, *labels})
        ),
        key=lambda shares: abs(shares[0] - shares[1]),
    )
    distance = split_statistics.total_variation(train, labels)
    is_chance = split_statistics.homogeneity_p(train, labels) >= CHANCE_LEVEL
    maximum = max(rule.max, distance) if is_chance else rule.max
    return [
        Rule(
            "label_drift",
            f"the total variation distance of the distribution of {column} from train's is at most "
            f"{rule.max:g}, or chance explains it (chi-squared test at {CHANCE_LEVEL:.1%})",
            library.ExpectSimilarLabels(max_value=maximum),
            rule.level,
            column,
            value=distance,
            detail=f"{share:.3f} are {label}, in train {train_share:.3f}",
        )
    ]


def _no_drift(corpus: Corpus, distances: Mapping[str, float]) -> list[Rule]:
    rule = corpus.checks.drift
    if rule is None:
        return []
    return [
        Rule(
            "drift",
            f"the distance of {measure} from those of the training data is at most {rule.max:g}",
            library.ExpectNoDrift(column=f"drift of {measure}", max_value=rule.max),
            rule.level,
            value=distance,
        )
        for measure, distance in distances.items()
    ]


def unit_of_unknowns(corpus: Corpus) -> str:
    """Return the unit of unknown tokens; with sub-words only characters can be unknown."""
    return "words" if corpus.tokens in ("words", "spaces") else "characters"


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def measure_columns(rules: Sequence[Rule]) -> list[str]:
    """Return the columns of a batch that the rules of single rows are about."""
    return list(dict.fromkeys(rule.expectation.column for rule in rules))
