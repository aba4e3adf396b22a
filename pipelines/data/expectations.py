"""Checks of the data by Great Expectations, which only this module imports.

Quantities that no built-in expectation computes (tokens of a row, ratio of two lengths) become
numeric columns, which built-in expectations check.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import SUB_WORDS, Corpus, GivenSplit
from pipelines.data.cleaning import lengths, text_columns
from pipelines.errors import UserError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library imports deprecated names
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig

MAX_RAW_LENGTH = 100_000  # characters; a longer raw row is a file without line ends
MAX_ROWS = 5  # rows in the message about a rule
MAX_WIDTH = 80  # characters of such a row
# Measures of a column with a label for each token.
SURPLUS_LABELS, INVALID_LABELS = "surplus labels", "invalid labels"

RuleResult = dict[str, Any]  # one entry of the report


@dataclass(frozen=True)
class Rule:
    """One expectation.

    Attributes:
        sentence: the rule in plain English.
        expectation: of Great Expectations.
        column: column of the frame that the rule is about, if any.
        observed: measured value, if there is a single one.
    """

    sentence: str
    expectation: Any
    column: str | None = None
    observed: float | None = None


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
            rules += _length_rules(column, sizes[column], MAX_RAW_LENGTH, "characters")
        rules += _token_labels(self._corpus)
        measured = _with_measures(frame, sizes, "length of")
        self._validate("raw", _with_token_labels(measured, self._corpus), rules)

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
            rules += _length_rules(column, size, max_length, unit)
            measured[f"unknown {column}"] = rates[column]
            rules.append(_max_unknown_rate(column, rates[column], corpus))
        if corpus.checks.max_length_ratio is not None:
            first, second = text_columns(corpus)
            measured["ratio"] = sizes[first] / sizes[second]
            ratio = corpus.checks.max_length_ratio
            rules.append(_max_length_ratio(first, second, measured["ratio"], ratio))
        rules += _token_labels(corpus)
        self._validate(name, _with_token_labels(measured, corpus), rules)

    def _validate(self, name: str, frame: pd.DataFrame, rules: Sequence[Rule]) -> None:
        """Check a frame, add the results to the report, and raise if the frame breaks a rule."""
        for position, rule in enumerate(rules):
            rule.expectation.meta = {"rule": position}
        suite = gx.ExpectationSuite(name=name, expectations=[rule.expectation for rule in rules])
        batch = self._batches.get_batch({"dataframe": frame})
        result_format = {"result_format": "SUMMARY", "partial_unexpected_count": MAX_ROWS}
        outcomes = batch.validate(suite, result_format=result_format).results
        messages = []
        for outcome in sorted(outcomes, key=_position):
            rule = rules[_position(outcome)]
            self._results.append(_result(name, rule, outcome))
            if not outcome.success:
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
    return Rule(f"the columns are {', '.join(columns)}", expectation)


def _enough_rows(corpus: Corpus, frame: pd.DataFrame) -> Rule:
    min_rows = corpus.checks.min_rows
    expectation = gxe.ExpectTableRowCountToBeBetween(min_value=min_rows)
    return Rule(f"there are at least {min_rows:,} rows", expectation, observed=len(frame))


def _length_rules(
    column: str, sizes: pd.Series[int], max_length: int | None, unit: str
) -> list[Rule]:
    measure = f"length of {column}"
    shortest = float(sizes.min()) if len(sizes) else None
    not_empty = gxe.ExpectColumnValuesToBeBetween(column=measure, min_value=1)
    rules = [Rule(f"no {column} is empty", not_empty, column, shortest)]
    if max_length is not None:
        not_long = gxe.ExpectColumnValuesToBeBetween(column=measure, max_value=max_length)
        sentence = f"no {column} has more than {max_length:,} {unit}"
        rules.append(Rule(sentence, not_long, column, _maximum(sizes)))
    return rules


def _labels(corpus: Corpus, all_occur: bool = False) -> list[Rule]:
    if corpus.checks.labels is None:
        return []
    labels = list(corpus.checks.labels)
    listed = ", ".join(labels)
    present = gxe.ExpectColumnValuesToNotBeNull(column="label")
    in_set = gxe.ExpectColumnValuesToBeInSet(column="label", value_set=labels)
    rules = [
        Rule("every row has a label", present, "label"),
        Rule(f"every label is one of {listed}", in_set, "label"),
    ]
    if all_occur:
        occur = gxe.ExpectColumnDistinctValuesToContainSet(column="label", value_set=labels)
        rules.append(Rule(f"each of the labels {listed} occurs", occur, "label"))
    return rules


def _token_labels(corpus: Corpus) -> list[Rule]:
    """Return the rules of a column that has a label for each token."""
    schema = task_schemas.get(corpus.task)
    if not schema.labels_per_token:
        return []
    text, labels = schema.text_columns[0], schema.label_column
    aligned = gxe.ExpectColumnValuesToBeBetween(column=SURPLUS_LABELS, min_value=0, max_value=0)
    rules = [Rule(f"every {text} has as many {labels} as tokens", aligned, text)]
    if schema.label_pattern is not None:
        valid = gxe.ExpectColumnValuesToBeBetween(column=INVALID_LABELS, max_value=0)
        rules.append(Rule(f"all {labels} match {schema.label_pattern}", valid, labels))
    return rules


def _max_length_ratio(first: str, second: str, ratios: pd.Series[float], limit: float) -> Rule:
    return Rule(
        f"neither {first} nor {second} is more than {limit:g} times as long as the other",
        gxe.ExpectColumnValuesToBeBetween(column="ratio", min_value=1 / limit, max_value=limit),
        first,
        _maximum(pd.concat([ratios, 1 / ratios])),
    )


def _max_unknown_rate(column: str, rate: float, corpus: Corpus) -> Rule:
    limit = corpus.checks.max_unknown_rate
    return Rule(
        f"at most {limit:.3g} of the {_unit_of_unknowns(corpus)} of {column} are outside the "
        "vocabulary",
        gxe.ExpectColumnMaxToBeBetween(column=f"unknown {column}", max_value=limit),
        column,
        rate,
    )


def _no_repeats(column: str) -> Rule:
    expectation = gxe.ExpectColumnValuesToBeBetween(column=f"repeated {column}", max_value=0)
    return Rule(f"no {column} is in two splits", expectation, column)


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


def _maximum(values: pd.Series[Any]) -> float | None:
    return float(values.max()) if len(values) else None


# Results of Great Expectations ------------------------------------------------------------------


def _position(outcome: Any) -> int:
    return int(outcome.expectation_config.meta["rule"])


def _result(name: str, rule: Rule, outcome: Any) -> RuleResult:
    """Return the parts of an outcome that are the same in every run."""
    if outcome.exception_info.get("raised_exception"):
        raise RuntimeError(outcome.exception_info["exception_message"])
    observed = None if rule.observed is None else round(rule.observed, 6)
    return {
        "frame": name,
        "rule": rule.sentence,
        "expectation": str(outcome.expectation_config.type),
        "column": rule.column,
        "observed": observed,
        "unexpected": int(outcome.result.get("unexpected_count", not outcome.success)),
        "success": bool(outcome.success),
    }


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
