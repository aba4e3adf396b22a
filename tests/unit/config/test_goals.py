"""Goals of params.yaml: what they name must be there, in one sentence where it is not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.reporting import comparison

TEXT = (Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8")
GOAL = {
    "models": ["verses-fixed", "verses-attention"],
    "metric": "test_bleu",
    "target": 20,
    "published": 28.3,
    "reference": "a GRU",
    "source": "a paper",
}
WHOSE = (
    r"'published', 'reference' \(the model that it is of\) and 'source' \(where it stands\) belong"
)
REFUSED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "a model that is not there": (
        [GOAL | {"models": ["verses-fixt"]}],
        r"goals\.0\.models: no model is called 'verses-fixt'; did you mean 'verses-fixed'\? known:",
    ),
    "a metric that is none": (
        [GOAL, GOAL | {"metric": "test_blue"}],
        r"goals\.1\.metric is 'test_blue'; did you mean 'test_bleu'\? known: test_bleu, test_sacr",
    ),
    "a metric of another task": (
        [GOAL | {"metric": "test_accuracy"}],
        r"goals\.0\.metric is 'test_accuracy'; did you mean 'test_chrf'\? known: test_bleu, ",
    ),
    "models of two corpora": (
        [GOAL | {"models": ["verses-fixed", "dates-fixed"]}],
        r"goals\.0\.models are of 'verses' and of 'dates': a goal is for one corpus",
    ),
    "a number of nobody": ([{**GOAL, "source": None}], rf"goals\.0: {WHOSE}"),
    "a source of nothing": ([{**GOAL, "published": None}], rf"goals\.0: {WHOSE}"),
    "two numbers of one model": (
        [GOAL, GOAL | {"published": 28.4}],
        r"goals\.1\.published is 28\.4, and a goal before it has 28\.3 of the same model, metric",
    ),
    "a key that is none": (
        [GOAL | {"marc": 1}],
        r"goals\.0\.marc is not a valid key; did you mean ",
    ),
}


def load(folder: Path, goals: list[dict[str, Any]]) -> params.Params:
    """params.yaml with these goals."""
    assert "\ngoals: []\n" in TEXT
    path = folder / "params.yaml"
    path.write_text(TEXT.replace("goals: []", f"goals: {json.dumps(goals)}"), encoding="utf-8")
    return params.load(path)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(tmp_path: Path, name: str) -> None:
    goals, sentence = REFUSED[name]
    with pytest.raises(UserError) as refused:
        load(tmp_path, goals)
    assert re.search(sentence, str(refused.value)), str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_mark_alone_and_one_number_for_several_are_goals(tmp_path: Path) -> None:
    alone = {"models": ["dates-fixed"], "metric": "test_exact_match", "target": 0.9}
    other = GOAL | {"metric": "test_perplexity"}
    goals = load(tmp_path, [GOAL, GOAL | {"models": ["verses-fixed"]}, other, alone]).goals
    assert [goal.better for goal in goals] == ["higher", "higher", "lower", "higher"]
    assert goals[0].gap(30.0, 28.0) == 2.0
    assert goals[2].gap(30.0, 28.0) == -2.0


def test_the_report_can_show_every_metric() -> None:
    shown = {column.key for columns in comparison.COLUMNS.values() for column in columns}
    assert shown | {column.key for column in comparison.OPTIONAL_COLUMNS} >= set(params.BETTER)
