"""A folder of templates for tests, so that no test depends on the values of the real ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from commands import templates
from tests.unit.tiny_project import base, project, sealed, target

__all__ = ["base", "project", "sealed", "target"]

REPOSITORY = Path(__file__).resolve().parents[3]
GOALS: dict[str, list[dict[str, Any]]] = {
    "plays": [
        {
            "models": ["shakespeare-rnn", "shakespeare-lstm"],
            "metric": "test_bits_per_character",
            "target": 2.4,
            "stretch": 2.2,
            "published": 2.5,
            "reference": "a published model",
            "source": "a paper",
            "protocol": {"kind": "single", "split": "contiguous 0.05", "context": "carried"},
        },
        {"models": ["shakespeare-markov"], "metric": "test_perplexity"},
    ],
    "talk": [
        {
            "models": ["verses-attention"],
            "metric": "test_bleu",
            "target": 20.0,
            "published": 21.0,
            "reference": "another model",
            "source": "another paper",
            "protocol": {
                "kind": "single",
                "split": "shuffled 0.1",
                "decoding": "beam 5",
                "tokens": "words",
                "case": "lower",
            },
        }
    ],
}


@pytest.fixture
def templates_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two templates: the values of params.yaml with other goals."""
    folder = tmp_path / "templates"
    folder.mkdir()
    text = (REPOSITORY / "params.yaml").read_text(encoding="utf-8")
    values = text[text.index("\nseed:") + 1 :]
    for name in GOALS:
        text = values.replace("goals: []", f"goals: {json.dumps(GOALS[name])}")
        (folder / f"{name}.yaml").write_text(
            f"# All of {name}:\n# a test.\n{text}", encoding="utf-8"
        )
    monkeypatch.setattr(templates, "FOLDER", folder)
    return folder
