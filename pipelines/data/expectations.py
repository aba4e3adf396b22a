"""Checks of the data by Great Expectations, which only this module imports.

Quantities that no built-in expectation computes (tokens of a row, ratio of two lengths, a text that
training has, too) become numeric columns, which built-in expectations check.

A rule of the level `error` stops `preprocess`. A rule of the level `warn` describes properties that
a corpus may have on purpose: the stage prints it and goes on, and the report shows it.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import SUB_WORDS, Corpus, GivenSplit
from pipelines.data import split_statistics
from pipelines.data.cleaning import lengths, text_columns
from pipelines.errors import UserError
from pipelines.text.normalization import normalize_labels

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library imports deprecated names
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig

# A raw text this many times as long as 95 % of the texts is a file without line ends, or rows that
# an open quote swallowed. The longest text of the plays, verses, tweets, captions and news of the
# templates is 1.0 to 6.9 times as long.
MAX_LENGTH_FACTOR, TYPICAL_QUANTILE = 10, 0.95
# Of aligned texts 0.0 to 0.3 % of the pairs have a larger ratio of lengths than a template allows;
# where one file lacks a line it is 5 to 20 %.
MIN_ALIGNED_SHARE = 0.99
# Characters of a row of running text whose repetition is remarkable: shorter lines ("Enter ROMEO",
# "My lord?") stand in every play.
MIN_REPEATED_LENGTH = 40
MAX_UNKNOWN_FACTOR, MAX_UNKNOWN_SURPLUS = 3, 0.01  # unknown rate of a split against training's
MAX_DRIFT, DRIFT_LEVEL = 0.05, 0.001  # total variation distance, and level of the chi-squared test
MAX_ROWS = 5  # rows in the message about a rule
MAX_EXAMPLES = 2  # rows in the report
MAX_WIDTH = 80  # characters of such a row
# Measures of a column with a label for each token.
SURPLUS_LABELS, INVALID_LABELS = "surplus labels", "invalid labels"

RuleResult = dict[str, Any]  # one entry of the report


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes:
        name: of the rule, the same for all corpora.
        sentence: the rule in plain English.
        expectation: of Great Expectations.
        column: column of the frame that the rule is about, if any.
        observed: measured value, if there is a single one.
        level: whether broken rules stop the stage.
        detail: further numbers, in a few words.
    """

    name: str
    sentence: str
    expectation: Any
    column: str | None = None
    observed: float | None = None
    level: Literal["error", "warn"] = "error"
    detail: str = ""


class Checker:
    """Checker of the frames of one corpus, which collects the results for the report.

    All frames share one Great Expectations context: creating it takes longer than a check.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._results: list[RuleResult] = []
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")

    @property
    def report(self) -> list[RuleResult]:
        """Results of all checks so far, sorted by frame and rule."""
        return sorted(self._results, key=lambda result: (result["frame"], result["rule"]))

    @property
    def warnings(self) -> list[str]:
        """Broken rules of the level `warn`, one line each."""
        return [_warning(result) for result in self.report if not result["success"]]

    def raw(self, frame: pd.DataFrame) -> None:
        """Check a raw frame.

        Raises:
            UserError: the data breaks rules; the message names each, with the number of rows and
                some examples.
        """
        columns = text_columns(self._corpus)
        self._validate("raw", frame, [_schema(self._corpus)])
        sizes = {column: frame[column].fillna("").str.strip().str.len() for column in columns}
        rules = [_enough_rows(self._corpus, frame), *_labels(self._corpus)]
        for column in columns:
            rules += [_not_empty(column, sizes[column]), _no_outlier(column, sizes[column])]
        rules += _token_labels(self._corpus)
        measured = _with_token_labels(_with_measures(frame, sizes, "length of"), self._corpus)
        # Before cleaning: it keeps the first of repeated texts, whatever their labels.
        conflicts = _conflicts(frame, self._corpus)
        if conflicts is not None:
            measured["conflicts"] = conflicts.astype(int)
            rules.append(_one_label(self._corpus))
        self._validate("raw", measured, rules)

    def prepared(
        self,
        splits: Mapping[str, pd.DataFrame],
        unknown_rates: Mapping[str, Mapping[str, float]],
    ) -> None:
        """Check the prepared frames, individually and combined.

        Args:
            splits: train, valid and test.
            unknown_rates: fraction of tokens outside the vocabulary, by split and column.

        Raises:
            UserError: the data breaks rules; the message names each, with the number of rows and
                some examples.
        """
        for name, frame in splits.items():
            self._check_split(name, frame, unknown_rates[name])
        for name in ("valid", "test"):
            rates = unknown_rates["train"], unknown_rates[name]
            self._compare(name, splits["train"], splits[name], *rates)
        combined = pd.concat(splits.values(), ignore_index=True)
        rules = [_enough_rows(self._corpus, combined)]
        repeats = {}
        for column in _columns_without_repeats(self._corpus):
            repeats[column] = _in_earlier_split(splits, column)
            rules.append(_no_repeats(column))
        self._validate("splits", _with_measures(combined, repeats, "repeated"), rules)

    def _check_split(self, name: str, frame: pd.DataFrame, rates: Mapping[str, float]) -> None:
        corpus = self._corpus
        self._validate(name, frame, [_schema(corpus)])
        sizes = {
            column: lengths(frame[column].fillna(""), corpus.tokens)
            for column in text_columns(corpus)
        }
        measured = _with_measures(frame, sizes, "length of")
        rules = _labels(corpus, all_occur=name == "train")
        max_length = corpus.cleaning.max_length if _is_cleaned(corpus, name) else None
        unit = "words" if corpus.tokens in SUB_WORDS else "tokens"
        for column, size in sizes.items():
            rules.append(_not_empty(column, size))
            if max_length is not None:
                rules.append(_max_length(column, size, max_length, unit))
            measured[f"unknown {column}"] = rates[column]
            rules.append(_max_unknown_rate(column, rates[column], corpus))
        if corpus.checks.max_length_ratio is not None:
            first, second = text_columns(corpus)
            measured["ratio"] = sizes[first] / sizes[second]
            ratio = corpus.checks.max_length_ratio
            rules.append(_max_length_ratio(first, second, measured["ratio"], ratio))
        rules += _token_labels(corpus)
        self._validate(name, _with_token_labels(measured, corpus), rules)

    def _compare(
        self,
        name: str,
        train: pd.DataFrame,
        frame: pd.DataFrame,
        train_rates: Mapping[str, float],
        rates: Mapping[str, float],
    ) -> None:
        """Compare validation or test rows with the training rows."""
        rules, measured = [], frame
        for columns in _overlap_columns(self._corpus):
            overlap, detail = _overlap(train, frame, columns, self._corpus)
            rule = _no_overlap(columns, detail, self._corpus)
            measured = measured.assign(**{rule.expectation.column: overlap.astype(int)})
            rules.append(rule)
        for column, rate in rates.items():
            measured = measured.assign(**{f"unknown {column}": rate})
            rules.append(_similar_unknown_rate(column, train_rates[column], rate, self._corpus))
        label_column = task_schemas.get(self._corpus.task).label_column
        if label_column is not None:
            counts = [_label_counts(part, self._corpus) for part in (train, frame)]
            is_chance = split_statistics.homogeneity_p(*counts) >= DRIFT_LEVEL
            distance = split_statistics.total_variation(*counts)
            measured = measured.assign(drift=0.0 if is_chance else distance)
            rules.append(_no_drift(label_column, distance, *counts))
        self._validate(name, measured, rules)

    def _validate(self, name: str, frame: pd.DataFrame, rules: Sequence[Rule]) -> None:
        """Check a frame, and add the results to the report.

        Raises:
            UserError: the frame breaks a rule of the level `error`.
        """
        for position, rule in enumerate(rules):
            rule.expectation.meta = {"rule": position}
        suite = gx.ExpectationSuite(name=name, expectations=[rule.expectation for rule in rules])
        batch = self._batches.get_batch({"dataframe": frame})
        result_format = {"result_format": "SUMMARY", "partial_unexpected_count": MAX_ROWS}
        outcomes = batch.validate(suite, result_format=result_format).results
        messages = []
        for outcome in sorted(outcomes, key=_position):
            rule = rules[_position(outcome)]
            self._results.append(_result(name, rule, outcome, frame))
            if not outcome.success and rule.level == "error":
                messages.append(_message(name, rule, outcome, frame))
        if messages:
            raise UserError("\n".join([_HEAD, *messages]))


_HEAD = (
    "The data breaks these rules, and nothing was written. Correct the raw files, or the corpus's "
    "`cleaning` or `checks` in params.yaml."
)


# Rules ------------------------------------------------------------------------------------------


def _schema(corpus: Corpus) -> Rule:
    columns = ["document", "line", *task_schemas.get(corpus.task).columns]
    expectation = gxe.ExpectTableColumnsToMatchOrderedList(column_list=columns)
    return Rule("columns", f"the columns are {', '.join(columns)}", expectation)


def _enough_rows(corpus: Corpus, frame: pd.DataFrame) -> Rule:
    min_rows = corpus.checks.min_rows
    expectation = gxe.ExpectTableRowCountToBeBetween(min_value=min_rows)
    sentence = f"there are at least {min_rows:,} rows"
    return Rule("min_rows", sentence, expectation, observed=len(frame))


def _not_empty(column: str, sizes: pd.Series[int]) -> Rule:
    shortest = float(sizes.min()) if len(sizes) else None
    expectation = gxe.ExpectColumnValuesToBeBetween(column=f"length of {column}", min_value=1)
    return Rule("not_empty", f"no {column} is empty", expectation, column, shortest)


def _max_length(column: str, sizes: pd.Series[int], limit: int, unit: str) -> Rule:
    expectation = gxe.ExpectColumnValuesToBeBetween(column=f"length of {column}", max_value=limit)
    sentence = f"no {column} has more than {limit:,} {unit}"
    return Rule("max_length", sentence, expectation, column, _maximum(sizes))


def _no_outlier(column: str, sizes: pd.Series[int]) -> Rule:
    typical = float(sizes.quantile(TYPICAL_QUANTILE)) if len(sizes) else 0.0
    return Rule(
        "length_outlier",
        f"no {column} is more than {MAX_LENGTH_FACTOR} times as long as {TYPICAL_QUANTILE:.0%} of "
        "them",
        gxe.ExpectColumnValuesToBeBetween(
            column=f"length of {column}", max_value=MAX_LENGTH_FACTOR * max(1.0, typical)
        ),
        column,
        _maximum(sizes),
        "warn",
        f"{TYPICAL_QUANTILE:.0%} have at most {typical:,.0f} characters",
    )


def _labels(corpus: Corpus, all_occur: bool = False) -> list[Rule]:
    if corpus.checks.labels is None:
        return []
    labels = normalize_labels(corpus.checks.labels, corpus.cleaning.unicode)
    listed = ", ".join(labels)
    present = gxe.ExpectColumnValuesToNotBeNull(column="label")
    in_set = gxe.ExpectColumnValuesToBeInSet(column="label", value_set=labels)
    rules = [
        Rule("labelled", "every row has a label", present, "label"),
        Rule("labels", f"every label is one of {listed}", in_set, "label"),
    ]
    if all_occur:
        occur = gxe.ExpectColumnDistinctValuesToContainSet(column="label", value_set=labels)
        sentence = f"each of the labels {listed} occurs"
        rules.append(Rule("all_labels", sentence, occur, "label"))
    return rules


def _token_labels(corpus: Corpus) -> list[Rule]:
    """Return the rules of a column that has a label for each token."""
    schema = task_schemas.get(corpus.task)
    if not schema.labels_per_token:
        return []
    text, labels = schema.text_columns[0], schema.label_column
    aligned = gxe.ExpectColumnValuesToBeBetween(column=SURPLUS_LABELS, min_value=0, max_value=0)
    sentence = f"every {text} has as many {labels} as tokens"
    rules = [Rule("label_count", sentence, aligned, text)]
    if schema.label_pattern is not None:
        valid = gxe.ExpectColumnValuesToBeBetween(column=INVALID_LABELS, max_value=0)
        sentence = f"all {labels} match {schema.label_pattern}"
        rules.append(Rule("label_pattern", sentence, valid, labels))
    return rules


def _max_length_ratio(first: str, second: str, ratios: pd.Series[float], limit: float) -> Rule:
    return Rule(
        "length_ratio",
        f"in {MIN_ALIGNED_SHARE:.0%} of the rows neither {first} nor {second} is more than "
        f"{limit:g} times as long as the other",
        gxe.ExpectColumnValuesToBeBetween(
            column="ratio", min_value=1 / limit, max_value=limit, mostly=MIN_ALIGNED_SHARE
        ),
        first,
        _maximum(pd.concat([ratios, 1 / ratios])),
    )


def _max_unknown_rate(column: str, rate: float, corpus: Corpus) -> Rule:
    limit = corpus.checks.max_unknown_rate
    return Rule(
        "unknown_rate",
        f"at most {limit:.3g} of the {_unit_of_unknowns(corpus)} of {column} are outside the "
        "vocabulary",
        gxe.ExpectColumnMaxToBeBetween(column=f"unknown {column}", max_value=limit),
        column,
        rate,
    )


def _no_repeats(column: str) -> Rule:
    expectation = gxe.ExpectColumnValuesToBeBetween(column=f"repeated {column}", max_value=0)
    return Rule("disjoint", f"no {column} is in two splits", expectation, column)


def _one_label(corpus: Corpus) -> Rule:
    schema = task_schemas.get(corpus.task)
    text, labels = schema.text_columns[0], schema.label_column
    different = f"different {labels}" if schema.labels_per_token else f"more than one {labels}"
    return Rule(
        "conflicting_labels",
        f"no {text} has {different}, ignoring case, spaces and punctuation",
        gxe.ExpectColumnValuesToBeBetween(column="conflicts", max_value=0),
        text,
        level="warn",
    )


def _no_overlap(columns: Sequence[str], detail: str, corpus: Corpus) -> Rule:
    names = " with its ".join(columns)
    if task_schemas.get(corpus.task).running_text:
        names += f" of {MIN_REPEATED_LENGTH} characters or more"
    return Rule(
        "overlap",
        f"no {names} is also in train, ignoring case, spaces and punctuation",
        gxe.ExpectColumnValuesToBeBetween(column=f"in train: {names}", max_value=0),
        columns[0],
        level="warn",
        detail=detail,
    )


def _similar_unknown_rate(column: str, train_rate: float, rate: float, corpus: Corpus) -> Rule:
    limit = max(MAX_UNKNOWN_FACTOR * train_rate, train_rate + MAX_UNKNOWN_SURPLUS)
    return Rule(
        "unknown_words",
        f"at most {MAX_UNKNOWN_FACTOR} times as many {_unit_of_unknowns(corpus)} of {column} as in "
        f"train are outside the vocabulary, or {MAX_UNKNOWN_SURPLUS:.0%} more of all",
        gxe.ExpectColumnMaxToBeBetween(column=f"unknown {column}", max_value=limit),
        column,
        rate,
        "warn",
        f"{train_rate:.4f} in train",
    )


def _no_drift(column: str, distance: float, train: Counter[str], counts: Counter[str]) -> Rule:
    share, train_share, label = max(
        (
            (counts[label] / counts.total(), train[label] / train.total(), label)
            for label in sorted({*train, *counts})
        ),
        key=lambda shares: abs(shares[0] - shares[1]),
    )
    return Rule(
        "label_drift",
        f"the total variation distance of the distribution of {column} from train's is at most "
        f"{MAX_DRIFT:g}, or chance explains it (chi-squared test at {DRIFT_LEVEL:.1%})",
        gxe.ExpectColumnMaxToBeBetween(column="drift", max_value=MAX_DRIFT),
        column,
        distance,
        "warn",
        f"{share:.3f} are {label}, in train {train_share:.3f}",
    )


# Measures ---------------------------------------------------------------------------------------


def _with_measures(frame: pd.DataFrame, measures: Mapping[str, Any], prefix: str) -> pd.DataFrame:
    """Return a copy of the frame with columns of measures."""
    return frame.assign(**{f"{prefix} {column}": values for column, values in measures.items()})


def _with_token_labels(frame: pd.DataFrame, corpus: Corpus) -> pd.DataFrame:
    """Return the frame with the measures of `_token_labels`."""
    schema = task_schemas.get(corpus.task)
    if not schema.labels_per_token:
        return frame
    tokens, labels = (
        [text.split() for text in frame[column].fillna("")]
        for column in (schema.text_columns[0], schema.label_column)
    )
    pattern = re.compile(schema.label_pattern or ".*")
    return frame.assign(
        **{
            SURPLUS_LABELS: [len(b) - len(a) for a, b in zip(tokens, labels, strict=True)],
            INVALID_LABELS: [sum(not pattern.fullmatch(x) for x in row) for row in labels],
        }
    )


def _is_cleaned(corpus: Corpus, split: str) -> bool:
    """Return whether `cleaning.clean` drops long and repeated rows of a split."""
    return split == "train" or not isinstance(corpus.split, GivenSplit)


def _unit_of_unknowns(corpus: Corpus) -> str:
    """Return the unit of unknown tokens; with sub-words only characters can be unknown."""
    return "words" if corpus.tokens in ("words", "spaces") else "characters"


def _columns_without_repeats(corpus: Corpus) -> list[str]:
    """Return the columns whose values must not be in two splits."""
    if isinstance(corpus.split, GivenSplit):
        return []
    by = [corpus.split.by] if corpus.split.by else []
    unique = text_columns(corpus) if corpus.cleaning.drop_repeated else []
    return list(dict.fromkeys([*by, *unique]))


def _in_earlier_split(splits: Mapping[str, pd.DataFrame], column: str) -> list[int]:
    """Return 1 for rows whose value is in an earlier split too, and 0 for all others."""
    earlier: set[str] = set()
    repeated: list[int] = []
    for frame in splits.values():
        repeated += [int(value in earlier) for value in frame[column]]
        earlier.update(frame[column])
    return repeated


def _overlap_columns(corpus: Corpus) -> list[list[str]]:
    """Return the columns whose combined values should not be in training, too.

    The text; of a pair the source, which the test must not have seen, and the whole pair.
    """
    first, *others = text_columns(corpus)
    return [[first], [first, *others]] if others else [[first]]


def _overlap(
    train: pd.DataFrame, frame: pd.DataFrame, columns: Sequence[str], corpus: Corpus
) -> tuple[split_statistics.Flags, str]:
    """Return True for rows that training has, too, (rows,), and the counts behind them in words."""
    texts, train_texts = ([part[column] for column in columns] for part in (frame, train))
    folded, exact = (
        np.isin(keys(texts), keys(train_texts))
        for keys in (split_statistics.folded_keys, split_statistics.exact_keys)
    )
    details = []
    if task_schemas.get(corpus.task).running_text:
        details += [f"{folded.sum():,} of any length"] if folded.any() else []
        folded &= (frame[columns[0]].str.len() >= MIN_REPEATED_LENGTH).to_numpy()
    if folded.any():
        details.append(f"{(folded & exact).sum():,} exactly")
    return folded, ", ".join(details)


def _conflicts(frame: pd.DataFrame, corpus: Corpus) -> split_statistics.Flags | None:
    """Return True for rows whose text has another label elsewhere, (rows,); None without labels."""
    schema = task_schemas.get(corpus.task)
    if schema.label_column is None:
        return None
    labels = frame[schema.label_column].fillna("")
    columns = [frame[schema.text_columns[0]].fillna("")]
    if schema.labels_per_token:
        # Of texts that differ in punctuation the numbers of labels differ, which is no conflict.
        columns.append(labels.map(lambda row: str(len(row.split()))))
    return split_statistics.has_several_labels(split_statistics.folded_keys(columns), list(labels))


def _label_counts(frame: pd.DataFrame, corpus: Corpus) -> Counter[str]:
    """Count the labels of rows or, where each token has one, of tokens."""
    schema = task_schemas.get(corpus.task)
    rows = frame[schema.label_column]
    return (
        Counter(label for row in rows for label in row.split())
        if schema.labels_per_token
        else Counter(rows)
    )


def _maximum(values: pd.Series[Any]) -> float | None:
    return float(values.max()) if len(values) else None


# Results of Great Expectations ------------------------------------------------------------------


def _position(outcome: Any) -> int:
    return int(outcome.expectation_config.meta["rule"])


def _result(name: str, rule: Rule, outcome: Any, frame: pd.DataFrame) -> RuleResult:
    """Return the parts of an outcome that are the same in every run."""
    if outcome.exception_info.get("raised_exception"):
        raise RuntimeError(outcome.exception_info["exception_message"])
    observed = None if rule.observed is None else round(rule.observed, 6)
    rows = frame.iloc[outcome.result.get("partial_unexpected_index_list", [])[:MAX_EXAMPLES]]
    return {
        "frame": name,
        "name": rule.name,
        "level": rule.level,
        "rule": rule.sentence,
        "expectation": str(outcome.expectation_config.type),
        "column": rule.column,
        "observed": observed,
        "unexpected": outcome.result.get("unexpected_count"),
        "rows": len(frame),
        "detail": rule.detail,
        "examples": [example.strip() for example in _examples(rows, rule.column)],
        "success": bool(outcome.success),
    }


def _warning(result: RuleResult) -> str:
    """Return a broken rule, with counts and an example, as one line."""
    if result["unexpected"] is None:
        found = f"found {result['observed']:.4g}"
    else:
        found = f"{result['unexpected']:,} of {result['rows']:,} rows break this"
    parts = [found, result["detail"], *(f"for example {row}" for row in result["examples"][:1])]
    return f"{result['frame']}: {result['rule']}; {', '.join(part for part in parts if part)}"


def _message(name: str, rule: Rule, outcome: Any, frame: pd.DataFrame) -> str:
    """Return the rule, the number of rows that break it, and examples with their places."""
    count = outcome.result.get("unexpected_count")
    if count is None:
        observed = rule.observed if rule.observed is not None else _listed(outcome.result)
        return f"  {name}: {rule.sentence}; found: {observed}"
    rows = frame.iloc[outcome.result.get("partial_unexpected_index_list", [])]
    head = f"  {name}: {rule.sentence}; {count:,} of {len(frame):,} rows break this:"
    return "\n".join([head, *_examples(rows, rule.column)])


def _examples(rows: pd.DataFrame, column: str | None) -> Iterable[str]:
    for _, row in rows.iterrows():
        text = "" if column is None else str(row[column])
        # Control characters in the data would change the terminal.
        printable = "".join(sign if sign.isprintable() else " " for sign in text[:MAX_WIDTH])
        ellipsis = "..." if len(text) > MAX_WIDTH else ""
        yield f"    {row['document']}:{row['line']}  {printable}{ellipsis}"


def _listed(result: Mapping[str, Any]) -> str:
    missing = result.get("partial_missing_list")
    if missing:
        return f"no {', no '.join(map(str, missing))}"
    return ", ".join(map(str, result.get("observed_value") or ["nothing"]))
