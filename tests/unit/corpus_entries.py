"""Tiny corpora of params.yaml."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.config.checks import with_common_rules

ROOT = Path(__file__).parents[2]
# The rules of every corpus.
COMMON_CHECKS: dict[str, Any] = params.load(ROOT / "params.yaml").checks.model_dump(
    mode="json", exclude_none=True
)
SOURCES = {"kind": "files", "paths": ["texts/a.txt"]}
READERS = {
    "language_modelling": {"format": "lines"},
    "classification": {
        "format": "table",
        "separator": ",",
        "columns": {"text": "text", "label": "label"},
    },
    "tagging": {"format": "parallel"},
    "translation": {"format": "parallel"},
}
CHECKS: dict[str, dict[str, Any]] = {
    "language_modelling": {},
    "classification": {"labels": {"values": ["bad", "good"]}},
    "tagging": {},
    "translation": {"length_ratio": {"max": 2.0}},
}
# Corpora of files in texts/.
PLAIN: dict[str, Any] = {
    "task": "language_modelling",
    "source": {"kind": "files", "paths": ["texts/plain.txt"]},
    "reader": {"format": "lines"},
    "cleaning": {"unicode": "NFC", "lowercase": False, "max_length": 200, "drop_repeated": False},
    "tokens": "characters",
    "split": {"method": "contiguous", "valid": 0.1, "test": 0.1},
    "vocabulary": {"max_size": 100, "min_count": 1},
    "checks": {"rows": {"min": 10}, "unknown_rate": {"max": 0.5}},
    "samples": {"beginning": "the", "length": 20, "temperature": 0.8},
}
MOODS: dict[str, Any] = {
    "task": "classification",
    "source": {"kind": "files", "paths": ["texts/moods.csv"]},
    "reader": {
        "format": "table",
        "separator": ",",
        "columns": {"text": "words", "label": "mood"},
    },
    "cleaning": {"unicode": "NFC", "lowercase": True, "max_length": 50, "drop_repeated": True},
    "tokens": "words",
    "split": {"method": "shuffled", "valid": 0.1, "test": 0.1},
    "vocabulary": {"max_size": 100, "min_count": 1},
    "checks": {
        "rows": {"min": 10},
        "unknown_rate": {"max": 0.5},
        "labels": {"values": ["bad", "good"]},
    },
}
Maker = Callable[..., params.Corpus]


@pytest.fixture
def make_corpus() -> Maker:
    """Return a function that makes a corpus: `make_corpus(task, cleaning={...}, checks={...})`."""

    def make(task: str = "language_modelling", **sections: Any) -> params.Corpus:
        tree: dict[str, Any] = {
            "task": task,
            "source": SOURCES,
            "reader": READERS[task],
            "cleaning": {
                "unicode": "NFC",
                "lowercase": True,
                "max_length": 10,
                "drop_repeated": False,
            },
            "tokens": "spaces" if task == "tagging" else "words",
            "split": {"method": "shuffled", "valid": 0.2, "test": 0.2},
            "vocabulary": {"max_size": 100, "min_count": 1},
            "checks": {"rows": {"min": 1}, "unknown_rate": {"max": 1.0}, **CHECKS[task]},
        }
        if task == "language_modelling":
            tree["samples"] = {"beginning": "a", "length": 5, "temperature": 1.0}
        for key, value in sections.items():
            tree[key] = {**tree[key], **value} if isinstance(value, dict) else value
        return params.Corpus.model_validate(with_common_rules(tree, COMMON_CHECKS))

    return make
