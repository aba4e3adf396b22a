"""Data Docs: Great Expectations' own pages about the results of the data checks."""

from __future__ import annotations

import datetime
import html
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pipelines.data import expectations_library
from pipelines.errors import UserError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the library imports deprecated names
    import great_expectations as gx
    from great_expectations.core import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
        RunIdentifier,
    )
    from great_expectations.data_context.types.resource_identifiers import (
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )
    from great_expectations.exceptions import GreatExpectationsError
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

__all__ = ["INDEX", "build", "expectations_library"]  # whose classes Great Expectations finds

INDEX = "index.html"
FRAMES = ("raw", "train", "valid", "test", "splits")
_SITE = "seqproof"
_NO_EXCEPTION = dict.fromkeys(("exception_message", "exception_traceback"))

Results = Iterable[Mapping[str, Any]]


def build(
    folder: Path, results: Mapping[str, Results], times: Mapping[str, datetime.datetime]
) -> None:
    """Write the pages.

    Great Expectations does not escape text, which here is text of the data: it is escaped first.

    Args:
        folder: of the pages; it must not exist.
        results: results of the data checks by corpus, as `Checker.report` has them.
        times: of the checks, by corpus.

    Raises:
        UserError: results are damaged.
    """
    context = gx.get_context(mode="ephemeral")
    store = {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(folder.resolve())}
    context.add_data_docs_site(
        _SITE,
        {
            "class_name": "SiteBuilder",
            "show_how_to_buttons": False,
            "store_backend": store,
            "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
        },
    )
    for corpus, rules in results.items():
        run = RunIdentifier(corpus, times[corpus])
        try:
            for frame, entries in _by_frame(rules).items():
                _add(context, f"{corpus}.{frame}", entries, run)
        except (GreatExpectationsError, ValueError, TypeError, KeyError):
            raise UserError(
                f"data/checks/{corpus}.json is damaged. Delete it and run `seqproof run`."
            ) from None
    context.build_data_docs(site_names=[_SITE])


def _by_frame(rules: Results) -> dict[str, list[Mapping[str, Any]]]:
    frames: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for rule in rules:
        if rule["frame"] not in FRAMES:  # it becomes the name of a file
            raise ValueError(rule["frame"])
        frames[rule["frame"]].append(rule)
    return frames


def _add(context: Any, suite: str, rules: Sequence[Mapping[str, Any]], run: RunIdentifier) -> None:
    """Add the rules of a frame and their results to the stores of the context."""
    configurations = [_configuration(rule) for rule in rules]
    context.suites.add(
        gx.ExpectationSuite(
            name=suite, expectations=[entry.to_domain_obj() for entry in configurations]
        )
    )
    outcomes = [
        ExpectationValidationResult(
            success=rule["success"],
            expectation_config=configuration,
            result=_measured(rule),
            meta={},
            exception_info={"raised_exception": False, **_NO_EXCEPTION},
        )
        for rule, configuration in zip(rules, configurations, strict=True)
    ]
    successes = sum(bool(rule["success"]) for rule in rules)
    identifier = ExpectationSuiteIdentifier(suite)
    context.validation_results_store.set(
        ValidationResultIdentifier(identifier, run, suite.rpartition(".")[2]),
        ExpectationSuiteValidationResult(
            success=successes == len(rules),
            results=outcomes,
            suite_name=suite,
            statistics={
                "evaluated_expectations": len(rules),
                "successful_expectations": successes,
                "unsuccessful_expectations": len(rules) - successes,
                "success_percent": 100 * successes / len(rules),
            },
            meta={
                "run_id": run,
                "great_expectations_version": gx.__version__,
                "active_batch_definition": {},
                "validation_time": run.run_time.isoformat(),
            },
        ),
    )


def _configuration(rule: Mapping[str, Any]) -> ExpectationConfiguration:
    sentence = f"{rule['rule']} ({rule['detail']})" if rule["detail"] else rule["rule"]
    return ExpectationConfiguration(
        type=rule["expectation"],
        kwargs=_escape(rule["arguments"]),
        meta={"rule": _escape(rule["name"]), "level": _escape(rule["level"])},
        description=_escape(f"{rule['name']} ({rule['level']}): {sentence}"),
        severity="critical" if rule["level"] == "error" else "warning",
    )


def _measured(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return the counts of a rule of single rows, or the measured value."""
    if rule["unexpected"] is None:
        return {"observed_value": rule["observed"]}
    share = 100 * rule["unexpected"] / max(1, rule["rows"])
    return {
        "element_count": rule["rows"],
        "unexpected_count": rule["unexpected"],
        "unexpected_percent": share,
        "unexpected_percent_total": share,
        "unexpected_percent_nonmissing": share,
        "missing_count": 0,
        "missing_percent": 0.0,
        "partial_unexpected_list": _escape(rule["examples"]),
    }


def _escape(value: Any) -> Any:
    """Return a value whose texts are safe in a page and in its templates."""
    if isinstance(value, str):
        return html.escape(value).replace("$", "&#36;")
    if isinstance(value, Mapping):
        return {key: _escape(item) for key, item in value.items()}
    return [_escape(item) for item in value] if isinstance(value, list | tuple) else value
