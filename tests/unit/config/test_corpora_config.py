"""Valid and invalid entries of `corpora`."""

from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.config import params
from pipelines.config.checks import with_common_rules
from tests.unit.corpus_entries import COMMON_CHECKS

SECTIONS: dict[str, Any] = {
    "source": {"kind": "files", "paths": ["texts/a"]},
    "cleaning": {"unicode": "NFC", "lowercase": True, "max_length": 10, "drop_repeated": False},
    "tokens": "words",
    "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
    "vocabulary": {"max_size": 100, "min_count": 1},
}
CHECKS = {"rows": {"min": 1}, "unknown_rate": {"max": 0.5}}
SAMPLES = {"beginning": "a", "length": 5, "temperature": 1.0}
TASKS: dict[str, dict[str, Any]] = {
    "language_modelling": {"reader": {"format": "lines"}, "samples": SAMPLES, "checks": CHECKS},
    "classification": {
        "reader": {"format": "parallel"},
        "checks": {**CHECKS, "labels": {"values": ["bad", "good"]}},
    },
    "tagging": {"reader": {"format": "parallel"}, "checks": CHECKS, "tokens": "spaces"},
    "translation": {
        "reader": {"format": "parallel"},
        "checks": {**CHECKS, "length_ratio": {"max": 3.0}},
    },
}
GIVEN_SPLIT = {"method": "given", "train": ["a"], "valid": ["b"], "test": ["c"]}
RATINGS = {"format": "ratings", "threshold": 0.5}


def corpus(task: str, **changes: Any) -> params.Corpus:
    tree = {"task": task, **SECTIONS, **TASKS[task], **changes}
    entry = params.Corpus.model_validate(with_common_rules(tree, COMMON_CHECKS))
    entry.check_required_keys()
    return entry


@pytest.mark.parametrize(
    ("task", "changes"),
    [
        ("translation", {"search": {"beam": 5, "length_penalty": 0.0, "coverage_penalty": 0.2}}),
        ("translation", {"search": {"beam": 1, "replace_unknown": True}}),
        ("language_modelling", {"samples": {**SAMPLES, "top_k": 40, "top_p": 1.0, "seed": 0}}),
        ("translation", {"tokens": "bpe", "vocabulary": {"max_size": 9, "shared": True}}),
        ("translation", {"split": {**SECTIONS["split"], "by": "line"}}),
        ("classification", {"split": {"method": "stratified", "valid": 0.1, "test": 0.1}}),
        ("classification", {"reader": {"format": "parallel", "labels": {"0": "bad"}}}),
        ("language_modelling", {"split": GIVEN_SPLIT}),
        ("tagging", {"split": GIVEN_SPLIT}),
        (
            "language_modelling",
            {"reader": {"format": "by_file", "files": {"a.txt": {"format": "lines"}}}},
        ),
    ],
)
def test_valid_corpora(task: str, changes: dict[str, Any]) -> None:
    corpus(task, **changes)


@pytest.mark.parametrize(
    ("task", "changes", "message"),
    [
        ("translation", {"search": {"beam": 0}}, "search.beam\n.*greater than or equal to 1"),
        ("translation", {"search": {"beam": 5, "length_penalty": -0.1}}, "search.length_penalty"),
        ("translation", {"search": {"beam": 5, "coverage_penalty": float("inf")}}, "finite"),
        ("language_modelling", {"search": {"beam": 5}}, "'search' belongs to translation"),
        ("classification", {"search": {"beam": 5}}, "'search' belongs to translation"),
        ("language_modelling", {"samples": {**SAMPLES, "top_p": 0.0}}, "samples.top_p"),
        ("language_modelling", {"samples": {**SAMPLES, "top_p": 1.1}}, "samples.top_p"),
        ("language_modelling", {"samples": {**SAMPLES, "top_k": 0}}, "samples.top_k"),
        (
            "classification",
            {"vocabulary": {"max_size": 9, "min_count": 1, "shared": True}},
            "'vocabulary.shared' belongs to translation",
        ),
        (
            "classification",
            {"tokens": "unigram"},
            "'vocabulary.min_count' has no effect with 'tokens: unigram'",
        ),
        (
            "classification",
            {"vocabulary": {"max_size": 9}},
            "'vocabulary.min_count' is missing",
        ),
        (
            "translation",
            {"split": {"method": "stratified", "valid": 0.1, "test": 0.1}},
            "'split.method: stratified' needs a label for each row",
        ),
        (
            "tagging",
            {"split": {"method": "stratified", "valid": 0.1, "test": 0.1}},
            "'split.method: stratified' needs a label for each row",
        ),
        ("tagging", {"tokens": "words"}, "'tokens: words'.*needs 'tokens: spaces'"),
        (
            "tagging",
            {"checks": {**CHECKS, "labels": {"values": ["O"]}}},
            "'checks.labels.values' belongs to classification",
        ),
        (
            "classification",
            {"split": {"method": "stratified", "by": "text", "valid": 0.1, "test": 0.1}},
            "'by' has no effect with 'method: stratified'",
        ),
        (
            "language_modelling",
            {"split": {"method": "contiguous", "near_duplicates": 0.8, "valid": 0.1, "test": 0.1}},
            "'near_duplicates' has no effect with 'method: contiguous'",
        ),
        (
            "translation",
            {
                "split": {
                    "method": "shuffled",
                    "by": "target",
                    "near_duplicates": 0.8,
                    "valid": 0.1,
                    "test": 0.1,
                }
            },
            "'near_duplicates' and 'by' both group the rows",
        ),
        (
            "classification",
            {"split": {"method": "shuffled", "valid": 0.1, "test": 0.1, "valid_first": True}},
            "'valid_first' has no effect with 'method: shuffled'",
        ),
        (
            "classification",
            {"split": {**SECTIONS["split"], "by": "line"}},
            "'split.by' is 'line'; known: text, label",
        ),
        ("translation", {"split": {**GIVEN_SPLIT, "valid": 0.1}}, "split.given.valid"),
        ("translation", {"split": {**GIVEN_SPLIT, "test": ["c", "a"]}}, "'a' is listed twice"),
        ("translation", {"split": {**GIVEN_SPLIT, "test": []}}, "split.given.test"),
        (
            "classification",
            {"split": GIVEN_SPLIT, "reader": RATINGS},
            "'reader.format: ratings' reads",
        ),
        (
            "classification",
            {"split": GIVEN_SPLIT, "reader": {"format": "by_file", "files": {"a": RATINGS}}},
            "'reader.format: ratings' reads",
        ),
        (
            "translation",
            {"reader": {"format": "parallel", "labels": {"0": "a"}}},
            "'reader.labels' needs a column 'label'",
        ),
        (
            "language_modelling",
            {"reader": {"format": "parallel"}},
            "'reader.format: parallel' is for tasks with several columns",
        ),
        (
            "classification",
            {"reader": {"format": "by_file", "files": {"a": {"format": "lines"}}}},
            "'reader.format: lines' is for language_modelling",
        ),
        (
            "language_modelling",
            {"reader": {"format": "by_file", "files": {"a": {"format": "parallel"}}}},
            "by_file.files.a",
        ),
        ("translation", {"reader": {"format": "bible", "source": "k", "targets": {}}}, "targets"),
        (
            "translation",
            {"reader": {"format": "bible", "source": "k", "targets": {"FR": "l"}}},
            "targets.FR",
        ),
    ],
)
def test_invalid_corpora(task: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        corpus(task, **changes)


def test_labels_that_are_integers_become_text() -> None:
    labels = {"labels": {"values": [0, 1, "2"], "level": "error"}}
    reader = {"format": "parallel", "labels": {0: "bad", 1: 5}}
    entry = corpus("classification", checks={**CHECKS, **labels}, reader=reader)
    assert entry.checks.labels is not None
    assert entry.checks.labels.values == ("0", "1", "2")
    assert entry.reader.labels == {"0": "bad", "1": "5"}  # type: ignore[attr-defined]
    labels["labels"]["values"] = [True]
    with pytest.raises(ValidationError, match=r"values\.0\n.*valid string"):
        corpus("classification", checks={**CHECKS, **labels})
