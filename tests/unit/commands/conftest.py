"""A folder of templates of our own, so that no test hangs on the values of the real ones."""

import json
from pathlib import Path
from typing import Any

import pytest

from commands import templates
from tests.unit.tiny_project import base, project, sealed, subject

__all__ = ["base", "project", "sealed", "subject"]

ROOT = Path(__file__).resolve().parents[3]
GOALS: dict[str, list[dict[str, Any]]] = {
    "plays": [
        {
            "models": ["shakespeare-rnn", "shakespeare-lstm"],
            "metric": "test_bits_per_character",
            "target": 2.4,
            "stretch": 2.2,
            "published": 2.5,
            "reference": "a model of others",
            "source": "a paper",
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
        }
    ],
}


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two templates with the values of our own params.yaml, and what they are to reach."""
    folder = tmp_path / "templates"
    folder.mkdir()
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    values = text[text.index("\nseed:") + 1 :]
    for name in GOALS:
        own = values.replace("goals: []", f"goals: {json.dumps(GOALS[name])}")
        (folder / f"{name}.yaml").write_text(
            f"# All of {name}:\n# a test.\n{own}", encoding="utf-8"
        )
    monkeypatch.setattr(templates, "FOLDER", folder)
    return folder
