"""Targets, and the stages that may have to run."""

import pytest

from pipelines.errors import UserError
from pipelines.lineage.reproduction import SurveyedStage
from pipelines.scheduling import plan


def stage(needs="", outdated=False, **params) -> SurveyedStage:
    return SurveyedStage(tuple(needs.split()), outdated, params)


STAGES = {
    "check": stage(),
    "fetch@plain": stage("check"),
    "fetch@moods": stage("check"),
    "train_lstm@plain-lstm": stage("fetch@plain", threads=2),
    "train_lstm@moods-lstm": stage("fetch@moods", threads=1),
    "evaluate_lstm@plain-lstm": stage("train_lstm@plain-lstm", threads=1),
    "evaluate_lstm@moods-lstm": stage("train_lstm@moods-lstm", threads=1),
    "report": stage("evaluate_lstm@plain-lstm evaluate_lstm@moods-lstm"),
}


@pytest.mark.parametrize(
    ("targets", "names"),
    [
        ([], list(STAGES)),
        (["check"], ["check"]),
        (["fetch@plain"], ["check", "fetch@plain"]),
        (["fetch"], ["check", "fetch@plain", "fetch@moods"]),
        (["plain"], ["check", "fetch@plain"]),
        (
            ["moods-lstm"],
            ["check", "fetch@moods", "train_lstm@moods-lstm", "evaluate_lstm@moods-lstm"],
        ),
        (["plain", "check", "plain"], ["check", "fetch@plain"]),
        (["report"], list(STAGES)),
    ],
)
def test_targets_are_stages_groups_models_and_corpora(targets, names):
    assert plan.select(targets, STAGES) == names


@pytest.mark.parametrize(
    ("target", "similar"),
    [
        ("train_lst", "train_lstm"),
        ("plain-lsmt", "plain-lstm"),
        ("evaluate_lstm@moods-lst", "evaluate_lstm@moods-lstm"),
        ("chek", "check"),
    ],
)
def test_an_unknown_target_names_the_nearest(target, similar):
    with pytest.raises(UserError, match=rf"named '{target}'. Did you mean '{similar}'\?"):
        plan.select(["check", target], STAGES)


@pytest.mark.parametrize("target", ["", "@", "@plain", "train_lstm@", "zzzzzzzz"])
def test_strange_targets_are_refused(target):
    with pytest.raises(UserError, match="No stage, group"):
        plan.select([target], STAGES)


def test_outdated_stages_and_all_that_depend_on_them_are_scheduled():
    stages = {**STAGES, "fetch@moods": stage("check", outdated=True)}
    scheduled = plan.schedule_stages(list(stages), stages, {})
    assert list(scheduled) == [
        *("fetch@moods", "train_lstm@moods-lstm", "evaluate_lstm@moods-lstm", "report"),
    ]
    assert scheduled["fetch@moods"].needs == frozenset()
    assert scheduled["report"].needs == {"evaluate_lstm@moods-lstm"}


def test_a_stage_that_is_not_selected_does_not_run():
    stages = {**STAGES, "fetch@moods": stage("check", outdated=True)}
    assert plan.schedule_stages(plan.select(["plain"], stages), stages, {}) == {}


def test_durations_are_those_of_the_last_run_or_typical():
    stages = {name: SurveyedStage(x.needs, True, x.params) for name, x in STAGES.items()}
    costs = {"train_lstm@moods-lstm": {"seconds": 7.0}}
    scheduled = plan.schedule_stages(list(stages), stages, costs)
    assert scheduled["train_lstm@moods-lstm"].seconds == 7.0
    assert scheduled["train_lstm@plain-lstm"].seconds == plan.TYPICAL_SECONDS["train_lstm"]
    assert scheduled["fetch@plain"].seconds == plan.OTHER_SECONDS


def test_a_model_with_workers_uses_a_gpu_for_each():
    model = stage("check", outdated=True, threads=1, **{"models.lstm.a": {"workers": 3}})
    scheduled = plan.schedule_stages(["a"], {"a": model}, {})
    assert (scheduled["a"].gpus, scheduled["a"].workers) == (3, 3)


def test_stages_with_threads_use_a_gpu_and_evaluations_give_results():
    stages = {name: SurveyedStage(x.needs, True, x.params) for name, x in STAGES.items()}
    scheduled = plan.schedule_stages(list(stages), stages, {})
    assert [name for name, x in scheduled.items() if x.gpus == 1] == list(STAGES)[3:7]
    assert [name for name, x in scheduled.items() if x.evaluates] == list(STAGES)[5:7]
    assert plan.threads(stages) == 2
