"""Goals of params.yaml and their error messages."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.errors import UserError

TEXT = (Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8")
GOAL = {
    "models": ["verses-fixed", "verses-attention"],
    "metric": "test_bleu",
    "target": 20,
    "published": 28.3,
    "reference": "a GRU",
    "source": "a paper",
}
REFERENCE = "set all of 'published', 'reference' and 'source'"
INVALID: dict[str, tuple[list[dict[str, Any]], str]] = {
    "an unknown model": (
        [GOAL | {"models": ["verses-fixt"]}],
        r"goals\.0\.models: .*'verses-fixt'; did you mean 'verses-fixed'\? known:",
    ),
    "models of two corpora": (
        [GOAL | {"models": ["verses-fixed", "dates-fixed"]}],
        r"goals\.0\.models must share one corpus.*'verses' and 'dates'",
    ),
    "a published number without a source": ([{**GOAL, "source": None}], f"goals.0: {REFERENCE}"),
    "a source without a number": ([{**GOAL, "published": None}], f"goals.0: {REFERENCE}"),
    "two numbers of one reference": (
        [GOAL, GOAL | {"published": 28.4}],
        r"goals\.1\.published is 28\.4.*28\.3.*'reference'",
    ),
    "an unknown key": (
        [GOAL | {"tarjet": 1}],
        r"goals\.0\.tarjet is not a valid key; did you mean 'target'",
    ),
}


def load(folder: Path, goals: list[dict[str, Any]]) -> params.Params:
    """Load params.yaml with other goals."""
    assert "\ngoals: []\n" in TEXT
    path = folder / "params.yaml"
    path.write_text(TEXT.replace("goals: []", f"goals: {json.dumps(goals)}"), encoding="utf-8")
    return params.load(path)


@pytest.mark.parametrize("name", INVALID)
def test_invalid_goals(tmp_path: Path, name: str) -> None:
    goals, message = INVALID[name]
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, goals)
    assert "\n" not in str(error.value)


def test_a_target_alone_and_one_number_for_several_models_are_goals(tmp_path: Path) -> None:
    target_only = {"models": ["dates-fixed"], "metric": "test_exact_match", "target": 0.9}
    other = GOAL | {"metric": "test_perplexity"}
    goals = load(tmp_path, [GOAL, GOAL | {"models": ["verses-fixed"]}, other, target_only]).goals
    assert [goal.target for goal in goals] == [20, 20, 20, 0.9]
