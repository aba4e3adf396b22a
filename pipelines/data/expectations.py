"""What the data must look like; the only door to Great Expectations.

Quantities that no stock expectation knows (tokens of a row, ratio of two lengths) are put beside
the rows as numbers, and stock expectations check those.
"""

from __future__ import annotations

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
    warnings.simplefilter("ignore")  # its own imports use deprecated names
    import great_expectations as gx
    import great_expectations.expectations as gxe
    from great_expectations.data_context.types.base import ProgressBarsConfig

RAW_LENGTH = 100_000  # characters; a longer raw row is a file without line ends
SAMPLES = 5  # rows shown of a broken rule
SHOWN = 80  # characters shown of a row

Found = dict[str, Any]  # one entry of the report


@dataclass(frozen=True)
class Rule:
    """One expectation, in plain words, on one column of our own (or on none)."""

    sentence: str
    expectation: Any
    column: str | None = None
    observed: float | None = None


class Checker:
    """Checks the frames of one corpus, and keeps what it found for the report.

    One Great Expectations context serves all frames: setting it up costs more than a check.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._found: list[Found] = []
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
        self._batches = asset.add_batch_definition_whole_dataframe("whole")

    @property
    def report(self) -> list[Found]:
        """Every rule checked so far, in a stable order."""
        return sorted(self._found, key=lambda found: (found["frame"], found["rule"]))

    def raw(self, frame: pd.DataFrame) -> None:
        """Check a raw frame.

        Raises:
            Refusal: rules are broken; it gives each, with the count and sample rows.
        """
        columns = text_columns(self._corpus)
        self._validate("raw", frame, [_schema(self._corpus)])
        sizes = {column: frame[column].fillna("").str.strip().str.len() for column in columns}
        rules = [_enough_rows(self._corpus, frame), *_labels(self._corpus)]
        for column in columns:
            rules += _length_rules(column, sizes[column], RAW_LENGTH, "characters")
        self._validate("raw", _beside(frame, sizes, "length of"), rules)

    def prepared(
        self,
        splits: Mapping[str, pd.DataFrame],
        unknown_rates: Mapping[str, Mapping[str, float]],
    ) -> None:
        """Check the prepared frames, each alone and all together.

        Args:
            splits: train, valid and test.
            unknown_rates: share of tokens outside the vocabulary, by split and column.

        Raises:
            Refusal: rules are broken; it gives each, with the count and sample rows.
        """
        for name, frame in splits.items():
            self._one_split(name, frame, unknown_rates[name])
        together = pd.concat(splits.values(), ignore_index=True)
        rules = [_enough_rows(self._corpus, together)]
        repeats = {}
        for column in _unrepeated(self._corpus):
            repeats[column] = _in_earlier_split(splits, column)
            rules.append(_no_repeats(column))
        self._validate("splits", _beside(together, repeats, "repeated"), rules)

    def _one_split(self, name: str, frame: pd.DataFrame, rates: Mapping[str, float]) -> None:
        corpus = self._corpus
        self._validate(name, frame, [_schema(corpus)])
        sizes = {
            column: lengths(frame[column].fillna(""), corpus.tokens)
            for column in text_columns(corpus)
        }
        measured = _beside(frame, sizes, "length of")
        rules = _labels(corpus, all_occur=name == "train")
        most = corpus.cleaning.max_length if _is_cleaned(corpus, name) else None
        unit = "words" if corpus.tokens in SUB_WORDS else "tokens"
        for column, size in sizes.items():
            rules += _length_rules(column, size, most, unit)
            measured[f"unknown {column}"] = rates[column]
            rules.append(_known(column, rates[column], corpus))
        if corpus.checks.max_length_ratio is not None:
            measured["ratio"] = sizes["source"] / sizes["target"]
            rules.append(_alike_in_length(measured["ratio"], corpus.checks.max_length_ratio))
        self._validate(name, measured, rules)

    def _validate(self, name: str, frame: pd.DataFrame, rules: Sequence[Rule]) -> None:
        """Check a frame, keep what was found, and refuse it if any rule is broken."""
        for position, rule in enumerate(rules):
            rule.expectation.meta = {"rule": position}
        suite = gx.ExpectationSuite(name=name, expectations=[rule.expectation for rule in rules])
        batch = self._batches.get_batch({"dataframe": frame})
        result_format = {"result_format": "SUMMARY", "partial_unexpected_count": SAMPLES}
        outcomes = batch.validate(suite, result_format=result_format).results
        broken = []
        for outcome in sorted(outcomes, key=_position):
            rule = rules[_position(outcome)]
            self._found.append(_entry(name, rule, outcome))
            if not outcome.success:
                broken.append(_broken(name, rule, outcome, frame))
        if broken:
            raise UserError("\n".join([_HEAD, *broken]))


_HEAD = (
    "The data breaks a rule, and nothing is written: mend the raw files, or this corpus's "
    "`cleaning` or `checks` in params.yaml."
)


# Rules ------------------------------------------------------------------------------------------


def _schema(corpus: Corpus) -> Rule:
    columns = ["document", "line", *task_schemas.get(corpus.task).columns]
    expectation = gxe.ExpectTableColumnsToMatchOrderedList(column_list=columns)
    return Rule(f"the columns are {', '.join(columns)}", expectation)


def _enough_rows(corpus: Corpus, frame: pd.DataFrame) -> Rule:
    least = corpus.checks.min_rows
    expectation = gxe.ExpectTableRowCountToBeBetween(min_value=least)
    return Rule(f"there are at least {least:,} rows", expectation, observed=len(frame))


def _length_rules(column: str, sizes: pd.Series[int], most: int | None, unit: str) -> list[Rule]:
    helper = f"length of {column}"
    least = float(sizes.min()) if len(sizes) else None
    some = gxe.ExpectColumnValuesToBeBetween(column=helper, min_value=1)
    rules = [Rule(f"no {column} is empty", some, column, least)]
    if most is not None:
        few = gxe.ExpectColumnValuesToBeBetween(column=helper, max_value=most)
        rules.append(Rule(f"no {column} has more than {most:,} {unit}", few, column, _worst(sizes)))
    return rules


def _labels(corpus: Corpus, all_occur: bool = False) -> list[Rule]:
    if corpus.checks.labels is None:
        return []
    labels = list(corpus.checks.labels)
    named = ", ".join(labels)
    present = gxe.ExpectColumnValuesToNotBeNull(column="label")
    known = gxe.ExpectColumnValuesToBeInSet(column="label", value_set=labels)
    rules = [
        Rule("every row has a label", present, "label"),
        Rule(f"every label is one of {named}", known, "label"),
    ]
    if all_occur:
        occur = gxe.ExpectColumnDistinctValuesToContainSet(column="label", value_set=labels)
        rules.append(Rule(f"each of the labels {named} occurs", occur, "label"))
    return rules


def _alike_in_length(ratios: pd.Series[float], most: float) -> Rule:
    return Rule(
        f"neither source nor target is more than {most:g} times as long as the other",
        gxe.ExpectColumnValuesToBeBetween(column="ratio", min_value=1 / most, max_value=most),
        "source",
        _worst(pd.concat([ratios, 1 / ratios])),
    )


def _known(column: str, rate: float, corpus: Corpus) -> Rule:
    most = corpus.checks.max_unknown_rate
    return Rule(
        f"at most {most:.3g} of the {_unknowns(corpus)} of {column} are outside the vocabulary",
        gxe.ExpectColumnMaxToBeBetween(column=f"unknown {column}", max_value=most),
        column,
        rate,
    )


def _no_repeats(column: str) -> Rule:
    expectation = gxe.ExpectColumnValuesToBeBetween(column=f"repeated {column}", max_value=0)
    return Rule(f"no {column} stands in two splits", expectation, column)


# Measures ---------------------------------------------------------------------------------------


def _beside(frame: pd.DataFrame, measures: Mapping[str, Any], prefix: str) -> pd.DataFrame:
    """A copy of the frame with numbers beside its rows."""
    return frame.assign(**{f"{prefix} {column}": values for column, values in measures.items()})


def _is_cleaned(corpus: Corpus, split: str) -> bool:
    """Whether long and repeated rows went from this split, as `cleaning.clean` does it."""
    return split == "train" or not isinstance(corpus.split, GivenSplit)


def _unknowns(corpus: Corpus) -> str:
    """What may be unknown: a character is all that sub-words can fail to make up."""
    return "words" if corpus.tokens in ("words", "spaces") else "characters"


def _unrepeated(corpus: Corpus) -> list[str]:
    """Columns none of whose values may stand in two splits, as `params.yaml` promises."""
    if isinstance(corpus.split, GivenSplit):
        return []
    by = [corpus.split.by] if corpus.split.by else []
    dropped = text_columns(corpus) if corpus.cleaning.drop_repeated else []
    return list(dict.fromkeys([*by, *dropped]))


def _in_earlier_split(splits: Mapping[str, pd.DataFrame], column: str) -> list[int]:
    """1 for rows whose value stands in an earlier split too, 0 for all others."""
    seen: set[str] = set()
    repeated: list[int] = []
    for frame in splits.values():
        repeated += [int(value in seen) for value in frame[column]]
        seen.update(frame[column])
    return repeated


def _worst(values: pd.Series[Any]) -> float | None:
    return float(values.max()) if len(values) else None


# What Great Expectations found ------------------------------------------------------------------


def _position(outcome: Any) -> int:
    return int(outcome.expectation_config.meta["rule"])


def _entry(name: str, rule: Rule, outcome: Any) -> Found:
    """What stays the same from run to run of an outcome."""
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


def _broken(name: str, rule: Rule, outcome: Any, frame: pd.DataFrame) -> str:
    """The rule, the count, and sample rows with their places."""
    count = outcome.result.get("unexpected_count")
    if count is None:
        observed = rule.observed if rule.observed is not None else _listed(outcome.result)
        return f"  {name}: {rule.sentence}; found: {observed}"
    rows = frame.iloc[outcome.result.get("partial_unexpected_index_list", [])]
    head = f"  {name}: {rule.sentence}; {count:,} of {len(frame):,} rows break this:"
    return "\n".join([head, *_places(rows, rule.column)])


def _places(rows: pd.DataFrame, column: str | None) -> Iterable[str]:
    for _, row in rows.iterrows():
        text = "" if column is None else str(row[column])
        # Text from data may hold control characters, which a terminal would obey.
        shown = "".join(sign if sign.isprintable() else " " for sign in text[:SHOWN])
        yield f"    {row['document']}:{row['line']}  {shown}{'...' if len(text) > SHOWN else ''}"


def _listed(result: Mapping[str, Any]) -> str:
    missing = result.get("partial_missing_list")
    if missing:
        return f"no {', no '.join(map(str, missing))}"
    return ", ".join(map(str, result.get("observed_value") or ["nothing"]))
