"""Checks of the data by Great Expectations, batch by batch.

Only `expectations*.py` imports Great Expectations. Rules of single rows are checked on each batch
and their counts summed, so that memory is bounded by the batch; rules of a whole frame are checked
on a frame of one row. A rule of the level `error` stops the stage. A rule of the level `warn`
describes a property that a corpus may have on purpose: the stage prints it and goes on, and the
report and MLflow show it.
"""

from __future__ import annotations

import csv
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import task_schemas
from pipelines.config.params import Corpus
from pipelines.data import expectations_rules as rules_of
from pipelines.data.expectations_rules import NO_STATISTICS, SPLITS, FrameStatistics, Rule
from pipelines.errors import UserError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library imports deprecated names
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

BATCHES = 4  # batches of rows that are checked at once
MAX_ROWS = 5  # rows in the message about a rule
MAX_EXAMPLES = 2  # rows in the report
MAX_WIDTH = 80  # characters of such a row
# Every row that breaks a rule, by its index; without a query of it, which is as long as the list.
_RESULT_FORMAT = {"result_format": "COMPLETE", "return_unexpected_index_query": False}

RuleResult = dict[str, Any]  # one entry of the report


class Checker:
    """Checker of the frames of one corpus, which collects the results for the report.

    Call `add` for each batch of a frame and then `finish`: first of `raw`, then of `train`, `valid`
    and `test`, and at the end `finish` of `splits`, which are all three. Batches have the columns
    `document`, `line`, those of the task, and measures:

    - raw: `characters <text column>`, without white space at the ends
    - splits: `tokens <text column>`; with sub-words, words
    - all, of tagging: `surplus labels`, labels more than tokens, and `invalid labels`, which do not
      match the pattern of the task
    - raw, with labels: `conflict`, 1 if the text has another label elsewhere, otherwise 0
    - splits, with `checks.length_ratio.max`: `ratio`, tokens of the first text per token of the
      second
    - valid and test: `repeated <column>`, 1 if an earlier split has the value, for the columns of
      `expectations_rules.columns_in_one_split`
    - valid and test: `overlap <columns joined by +>`, 1 if training has the texts, too, for the
      columns of `expectations_rules.overlap_columns`

    All frames share one Great Expectations context: creating it takes longer than a check.

    Args:
        corpus: configuration of the corpus.
        failed: CSV file for all rows that break a rule; it is written as soon as there is one.
    """

    def __init__(self, corpus: Corpus, failed: Path | None = None) -> None:
        self._corpus = corpus
        self._failed = None if failed is None else _FailedRows(failed, corpus)
        self._results: list[RuleResult] = []
        self._frames: dict[str, _Frame] = {}
        self._statistics: dict[str, FrameStatistics] = {}
        self._typical_lengths: Mapping[str, float] = {}
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")

    @property
    def report(self) -> list[RuleResult]:
        """Results of all frames so far, sorted by frame and rule."""
        return sorted(self._results, key=lambda result: (result["frame"], result["rule"]))

    @property
    def warnings(self) -> list[str]:
        """Broken rules of the level `warn`, one line each."""
        return [_warning(result) for result in self.report if not result["success"]]

    @property
    def failed(self) -> Path | None:
        """File of all rows that break a rule, if there are any."""
        return None if self._failed is None else self._failed.path

    def set_typical_lengths(self, lengths: Mapping[str, float]) -> None:
        """Set the bound of `length_outlier`, before the first raw batch.

        Args:
            lengths: quantile `expectations_rules.TYPICAL_QUANTILE` of `characters <text>`, by
                column.
        """
        self._typical_lengths = lengths

    def add(self, frame: str, batch: pd.DataFrame) -> None:
        """Check the rows of a batch.

        Args:
            frame: raw, train, valid or test.
            batch: rows with their measures.

        Raises:
            UserError: the columns are not those of the task.
        """
        if frame not in self._frames:
            schema = self._check_columns(frame, batch)
            self._frames[frame] = _Frame(self._row_rules(frame), schema)
        state = self._frames[frame]
        state.rows += len(batch)
        if len(batch):
            state.waiting.append(batch)
        if len(state.waiting) == BATCHES:
            self._check_rows(frame, state)

    def _check_rows(self, frame: str, state: _Frame) -> None:
        """Check the batches that wait; a validation takes as long for one batch as for several."""
        if not state.waiting:
            return
        batch = pd.concat(state.waiting, ignore_index=True)
        state.waiting.clear()
        measures = batch[rules_of.measure_columns(state.rules)]
        outcomes = self._validate(measures, state.rules)
        for rule, outcome, count in zip(state.rules, outcomes, state.counts, strict=True):
            count.measure(measures[rule.expectation.column])
            positions = outcome.result.get("unexpected_index_list") or []
            if positions:
                broken = batch.iloc[positions]
                count.add(broken, rule.column)
                if self._failed is not None:
                    self._failed.write(frame, rule, broken)

    def finish(self, frame: str, statistics: FrameStatistics = NO_STATISTICS) -> None:
        """Check what is known of a whole frame only, and add its results to the report.

        Args:
            frame: raw, train, valid, test, splits, or any name of new data.
            statistics: of the frame.

        Raises:
            UserError: the frame breaks a rule of the level `error`; the message names each, with
                the number and share of rows and some of them.
        """
        self._statistics[frame] = statistics
        state = self._frames.setdefault(frame, _Frame(()))
        self._check_rows(frame, state)
        if frame == "splits":
            state.rows = sum(self._frames[split].rows for split in SPLITS)
        results, messages = [], []
        if state.schema is not None:
            results.append(_frame_result(frame, state.schema, state.rows, True))
        for rule, count in zip(state.rules, state.counts, strict=True):
            overlap = rule.expectation.column.removeprefix("overlap ")
            rule = replace(rule, detail=statistics.overlap_details.get(overlap, rule.detail))
            success = count.broken <= rule.max_share * state.rows
            results.append(_row_result(frame, rule, count, state.rows, success))
            if not success and rule.level == "error":
                messages.append(_row_message(frame, rule, count, state.rows))
        train = self._statistics.get("train", NO_STATISTICS)
        rules = rules_of.frame_rules(self._corpus, frame, state.rows, statistics, train)
        values = {rule.expectation.column: [rule.value] for rule in rules}
        for rule, outcome in zip(rules, self._validate(pd.DataFrame(values), rules), strict=True):
            success = bool(outcome.success)
            results.append(_frame_result(frame, rule, state.rows, success))
            if not success and rule.level == "error":
                messages.append(_frame_message(frame, rule))
        self._results += results
        if messages:
            head = _HEAD if frame in ("raw", "splits", *SPLITS) else _NEW_HEAD
            raise UserError("\n".join([head, *messages, *_all_rows(self.failed)]))

    def _row_rules(self, frame: str) -> list[Rule]:
        if frame == "raw":
            return rules_of.raw_rules(self._corpus, self._typical_lengths)
        return rules_of.split_rules(self._corpus, frame) if frame in SPLITS else []

    def _check_columns(self, frame: str, batch: pd.DataFrame) -> Rule:
        """Check the columns of a frame, which the other rules need, and return the rule.

        Raises:
            UserError: the columns are not those of the task.
        """
        rule = rules_of.schema_rule(self._corpus)
        measures = {measure.partition(" ")[0] for measure in _MEASURES}
        columns = [column for column in map(str, batch) if column.partition(" ")[0] not in measures]
        (outcome,) = self._validate(batch[columns], [rule])
        if not outcome.success:
            message = f"  {frame}: {rule.sentence}; found: {', '.join(columns)} [columns]"
            raise UserError(f"{_HEAD}\n{message}")
        return rule

    def _validate(self, frame: pd.DataFrame, rules: Sequence[Rule]) -> list[Any]:
        """Return the outcome of each rule."""
        if not rules:
            return []
        for position, rule in enumerate(rules):
            rule.expectation.meta = {"rule": position}
            rule.expectation.severity = "critical" if rule.level == "error" else "warning"
        suite = gx.ExpectationSuite(name="rules", expectations=[rule.expectation for rule in rules])
        batch = self._batches.get_batch({"dataframe": frame})
        outcomes = batch.validate(suite, result_format=_RESULT_FORMAT).results
        for outcome in outcomes:
            if outcome.exception_info.get("raised_exception"):
                raise RuntimeError(outcome.exception_info["exception_message"])
        return sorted(outcomes, key=lambda outcome: outcome.expectation_config.meta["rule"])


_HEAD = (
    "The data breaks these rules, and no split was written. Correct the raw files, or the corpus's "
    "`cleaning` or `checks` in params.yaml."
)
_NEW_HEAD = "The text is unlike the training text (`checks.drift` in params.yaml)."
# First words of the columns of measures.
_MEASURES = (
    "characters",
    "tokens",
    "surplus",
    "invalid",
    "conflict",
    "ratio",
    "repeated",
    "overlap",
)


class _Count:
    """Rows that break a rule, the first of them, and the range of the measure."""

    def __init__(self) -> None:
        self.broken = 0
        self.examples: list[str] = []
        self.minimum, self.maximum = math.inf, -math.inf

    def measure(self, values: pd.Series[Any]) -> None:
        """Extend the range by the values of a batch."""
        if pd.api.types.is_numeric_dtype(values):
            self.minimum = min(self.minimum, float(values.min()))
            self.maximum = max(self.maximum, float(values.max()))

    def add(self, rows: pd.DataFrame, column: str | None) -> None:
        """Count rows that break the rule."""
        self.broken += len(rows)
        missing = MAX_ROWS - len(self.examples)
        self.examples += [_example(row, column) for _, row in rows.iloc[:missing].iterrows()]


class _Frame:
    """Rules of single rows of a frame, and their counts so far."""

    def __init__(self, rules: Sequence[Rule], schema: Rule | None = None) -> None:
        self.rules, self.schema, self.rows = list(rules), schema, 0
        self.counts = [_Count() for _ in self.rules]
        self.waiting: list[pd.DataFrame] = []


class _FailedRows:
    """CSV file of all rows that break a rule; there is none while no row does."""

    def __init__(self, path: Path, corpus: Corpus) -> None:
        self._path = path
        self._columns = ["document", "line", *task_schemas.get(corpus.task).columns]
        self._is_started = False
        path.unlink(missing_ok=True)  # of an earlier run

    @property
    def path(self) -> Path | None:
        """The file, if it has rows."""
        return self._path if self._is_started else None

    def write(self, frame: str, rule: Rule, rows: pd.DataFrame) -> None:
        """Append rows with the frame, the rule and its level."""
        if not self._is_started:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        mode = "a" if self._is_started else "w"
        with self._path.open(mode, encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            if not self._is_started:
                writer.writerow(["frame", "rule", "level", *self._columns])
            for row in rows[self._columns].itertuples(index=False):
                writer.writerow([frame, rule.name, rule.level, *row])
        self._is_started = True


# Results -----------------------------------------------------------------------------------------


def _row_result(frame: str, rule: Rule, count: _Count, rows: int, success: bool) -> RuleResult:
    observed = _observed(rule, count)
    examples = [example.strip() for example in count.examples[:MAX_EXAMPLES]]
    return _result(frame, rule, rows, success, observed, count.broken, examples)


def _frame_result(frame: str, rule: Rule, rows: int, success: bool) -> RuleResult:
    return _result(frame, rule, rows, success, rule.value, None, [])


def _result(
    frame: str,
    rule: Rule,
    rows: int,
    success: bool,
    observed: float | None,
    unexpected: int | None,
    examples: Sequence[str],
) -> RuleResult:
    """Return an entry of the report, which is the same in every run."""
    expectation = rule.expectation
    arguments = ("column", "column_list", "min_value", "max_value", "value_set")
    values = {key: getattr(expectation, key, None) for key in arguments}
    return {
        "frame": frame,
        "name": rule.name,
        "level": rule.level,
        "rule": rule.sentence,
        "expectation": str(expectation.expectation_type),
        "arguments": {key: value for key, value in values.items() if value is not None},
        "column": rule.column,
        "observed": None if observed is None else round(observed, 6),
        "unexpected": unexpected,
        "rows": rows,
        "detail": rule.detail,
        "examples": list(examples),
        "success": success,
    }


def _observed(rule: Rule, count: _Count) -> float | None:
    """Return the value of a measure that is nearest to the bound of its rule."""
    minimum, maximum = (getattr(rule.expectation, key, None) for key in ("min_value", "max_value"))
    if not math.isfinite(count.minimum) or not math.isfinite(count.maximum):
        return None
    if minimum is not None and maximum is not None:  # a ratio, or a difference
        inverse = 1 / count.minimum if count.minimum > 0 else 0.0
        return max(count.maximum, inverse)
    return count.minimum if minimum is not None else count.maximum


def _warning(result: RuleResult) -> str:
    """Return a broken rule, with counts and an example, as one line."""
    if result["unexpected"] is None:
        found = f"found {result['observed']:.4g}"
    else:
        found = f"{_counted(result['unexpected'], result['rows'])} break this"
    parts = [found, result["detail"], *(f"for example {row}" for row in result["examples"][:1])]
    listed = ", ".join(part for part in parts if part)
    return f"{result['frame']}: {result['rule']}; {listed} [{result['name']}]"


def _row_message(frame: str, rule: Rule, count: _Count, rows: int) -> str:
    """Return the rule, the number of rows that break it, and examples with their places."""
    counted = _counted(count.broken, rows)
    head = f"  {frame}: {rule.sentence}; {counted} break this [{rule.name}]:"
    return "\n".join([head, *count.examples])


def _frame_message(frame: str, rule: Rule) -> str:
    value = "" if rule.value is None else f"{rule.value:.6g}"
    value = ", ".join(part for part in (value, rule.detail) if part)
    return f"  {frame}: {rule.sentence}; found: {value} [{rule.name}]"


def _counted(count: int, rows: int) -> str:
    return f"{count:,} of {rows:,} rows ({100 * count / max(1, rows):.3g}%)"


def _all_rows(path: Path | None) -> list[str]:
    return [] if path is None else [f"All rows that break a rule are in {path}."]


def _example(row: pd.Series[Any], column: str | None) -> str:
    text = "" if column is None else str(row[column])
    # Control characters in the data would change the terminal.
    printable = "".join(sign if sign.isprintable() else " " for sign in text[:MAX_WIDTH])
    ellipsis = "..." if len(text) > MAX_WIDTH else ""
    return f"    {row['document']}:{row['line']}  {printable}{ellipsis}"
