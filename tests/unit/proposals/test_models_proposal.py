"""Proposed models: valid, and sized to the rows."""

import itertools
from typing import Any

import pytest
from pydantic import TypeAdapter

from pipelines.config import params
from pipelines.proposals import models
from pipelines.proposals.corpora import Sizes
from pipelines.proposals.models import ModelProposal, propose_models

TASKS = {
    "language_modelling": "words",
    "classification": "words",
    "tagging": "spaces",
    "translation": "unigram",
}
ROWS = (20, 1000, 10_000, 1_000_000)


def propose(task: str, rows: int, length: float = 20.0, vocabulary: int = 8000) -> list[Any]:
    columns = 2 if task == "translation" else 1
    sizes = Sizes(rows, (length,) * columns, vocabulary, 3)
    return propose_models("mine", task, TASKS[task], sizes)


@pytest.mark.parametrize(("task", "rows"), list(itertools.product(TASKS, ROWS)))
def test_a_baseline_and_a_recurrent_model_are_valid(task: str, rows: int) -> None:
    proposals = propose(task, rows)
    assert len(proposals) == 2
    for proposal in proposals:
        model = TypeAdapter(params.Model).validate_python(dict(proposal.values))
        assert params.training_stage(model) == params.FAMILIES[proposal.family]
        assert proposal.name.startswith("mine-")
        assert proposal.reason
    assert {params.TASK_OF[proposal.values["model"]] for proposal in proposals} == {task}


def recurrent(task: str, rows: int, length: float = 20.0) -> ModelProposal:
    return propose(task, rows, length)[-1]


@pytest.mark.parametrize("task", TASKS)
def test_more_rows_have_fewer_epochs(task: str) -> None:
    epochs = [recurrent(task, rows).values["epochs"] for rows in ROWS]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[0] > epochs[-1] == 1


@pytest.mark.parametrize("task", TASKS)
def test_ten_thousand_rows_fit_into_the_time(task: str) -> None:
    sizes = Sizes(10_000, (20.0,) * (2 if task == "translation" else 1), 8000, 3)
    softmax = task in ("language_modelling", "translation")
    size = models._fit(sizes, softmax, 64, 256)
    assert size.seconds <= models.SECONDS
    assert size.epochs >= models.MIN_EPOCHS
    assert size.units >= 64


def test_attention_is_the_only_difference_between_the_translators() -> None:
    fixed, attention = (dict(proposal.values) for proposal in propose("translation", 10_000))
    assert (fixed.pop("attention"), attention.pop("attention")) == ("none", "general")
    assert fixed == attention


def test_a_small_text_has_fewer_streams_than_tokens() -> None:
    model = recurrent("language_modelling", 20).values
    assert model["batch_size"] * model["bptt_steps"] <= 20 * 20
