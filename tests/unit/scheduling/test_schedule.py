"""Which stage starts next, what a failure skips, and how long the rest takes."""

import random

import pytest

from pipelines.scheduling.schedule import FINISHED, Schedule, ScheduledStage


def stage(needs="", seconds=1.0, **options) -> ScheduledStage:
    return ScheduledStage(frozenset(needs.split()), seconds, **options)


def started(schedule: Schedule) -> list[str]:
    """Start all that can start now."""
    names = []
    while (choice := schedule.start_next()) is not None:
        names.append(choice[0])
    return names


def test_a_stage_starts_when_all_that_it_needs_have_ended():
    schedule = Schedule({"a": stage(), "b": stage(), "c": stage("a b")}, jobs=3)
    assert sorted(started(schedule)) == ["a", "b"]
    schedule.end("a", "ran")
    assert started(schedule) == []
    schedule.end("b", "unchanged")
    assert started(schedule) == ["c"]


def test_no_more_stages_run_than_jobs():
    schedule = Schedule({name: stage() for name in "abcde"}, jobs=2)
    assert len(started(schedule)) == 2
    schedule.end(schedule.in_state("running")[0], "ran")
    assert len(started(schedule)) == 1


def test_the_longest_path_starts_first():
    stages = {
        "short": stage(seconds=5),
        "first": stage(seconds=1),
        "second": stage("first", seconds=9),
        "long": stage(seconds=7),
    }
    assert started(Schedule(stages, jobs=2)) == ["first", "long"]


RESULTS = {
    "data": stage(seconds=1),
    "train": stage("data", seconds=100),
    "evaluate": stage("train", evaluates=True),
    "small-data": stage(seconds=2),
    "small-train": stage("small-data", seconds=3),
    "small-evaluate": stage("small-train", seconds=3, evaluates=True),
}


def test_the_cheapest_result_comes_first_and_then_the_longest_path():
    other = {"other": stage(seconds=9), "other-evaluate": stage("other", evaluates=True)}
    schedule = Schedule({**RESULTS, **other}, jobs=1)
    for name in ("small-data", "small-train", "small-evaluate", "data"):
        assert started(schedule) == [name]
        schedule.end(name, "ran")


def test_after_a_first_result_the_longest_path_comes_first():
    assert started(Schedule(RESULTS, jobs=1, has_result=True)) == ["data"]


def test_if_the_cheapest_result_fails_the_next_one_comes_first():
    stages = {**RESULTS, "longest": stage(seconds=999)}
    schedule = Schedule(stages, jobs=1)
    assert started(schedule) == ["small-data"]
    schedule.end("small-data", "failed")
    assert started(schedule) == ["data"]


def test_an_evaluation_comes_before_a_training():
    stages = {"train": stage(seconds=50), "evaluate": stage(evaluates=True)}
    assert started(Schedule(stages, jobs=1, has_result=True)) == ["evaluate"]


def test_a_failure_skips_all_that_depend_on_it_and_nothing_else():
    stages = {"a": stage(), "b": stage("a"), "c": stage("b"), "d": stage(), "e": stage("d c")}
    schedule = Schedule(stages, jobs=2)
    assert sorted(started(schedule)) == ["a", "d"]
    assert schedule.end("a", "failed") == ["b", "c", "e"]
    assert schedule.end("d", "ran") == []
    assert started(schedule) == []
    assert schedule.states == dict(
        zip("abcde", ("failed", "skipped", "skipped", "ran", "skipped"), strict=True)
    )


def test_a_stopped_stage_skips_nothing_and_nothing_starts_after_it():
    schedule = Schedule({"a": stage(), "b": stage("a")}, jobs=2)
    started(schedule)
    assert schedule.end("a", "stopped") == []
    assert schedule.states["b"] == "waiting"
    assert started(schedule) == []


def test_a_gpu_is_given_to_one_stage_at_a_time():
    stages = {name: stage(gpus=1) for name in "abc"} | {"data": stage(seconds=0.1)}
    schedule = Schedule(stages, jobs=9, gpus=["0", "1"])
    choices = dict(filter(None, (schedule.start_next() for _ in range(9))))
    assert choices == {"a": "0", "b": "1", "data": None}
    schedule.end("b", "ran")
    assert schedule.start_next() == ("c", "1")


def test_a_model_with_several_workers_waits_for_as_many_gpus():
    schedule = Schedule({"a": stage(gpus=1), "b": stage(gpus=2)}, jobs=9, gpus=["0", "1"])
    assert schedule.start_next() == ("a", "0")
    assert schedule.start_next() is None
    schedule.end("a", "ran")
    assert schedule.start_next() == ("b", "0,1")


def test_without_a_gpu_stages_run_side_by_side():
    stages = {name: stage(gpus=1) for name in "abc"}
    assert len(started(Schedule(stages, jobs=9))) == 3


def test_each_worker_of_a_model_counts_as_a_job():
    schedule = Schedule({"a": stage(workers=2), "b": stage(), "c": stage(workers=9)}, jobs=3)
    assert started(schedule) == ["a", "b"]
    schedule.end("a", "ran")
    assert started(schedule) == []
    schedule.end("b", "ran")
    assert started(schedule) == ["c"]


def test_needs_outside_the_schedule_have_ended():
    assert started(Schedule({"a": stage("elsewhere")}, jobs=1)) == ["a"]


@pytest.mark.parametrize(("jobs", "left"), [(1, 3 + 10 + 10), (2, 3 + 10)])
def test_time_left_follows_paths_and_jobs(jobs, left):
    stages = {"a": stage(seconds=5), "b": stage("a", seconds=10), "c": stage(seconds=10)}
    schedule = Schedule(stages, jobs)
    assert schedule.start_next()[0] == "a"
    assert schedule.seconds_left({"a": 3.0}) == left


def test_a_slow_machine_is_slow_for_the_rest_too():
    schedule = Schedule({"a": stage(seconds=30), "b": stage(seconds=50)}, jobs=2)
    started(schedule)
    assert schedule.seconds("b") == 50
    schedule.end("a", "ran", 60.0)
    assert schedule.seconds("b") == 100


@pytest.mark.parametrize("seed", range(50))
def test_random_graphs_run_to_their_end(seed):
    generator = random.Random(seed)
    names = [f"s{number}" for number in range(30)]
    stages = {
        name: stage(
            " ".join(generator.sample(names[:number], min(number, generator.randrange(4)))),
            seconds=generator.random(),
            gpus=int(generator.random() < 0.5),
            evaluates=generator.random() < 0.2,
        )
        for number, name in enumerate(names)
    }
    gpus = ["0", "1"][: generator.randrange(3)]
    jobs = generator.randrange(1, 5)
    schedule = Schedule(stages, jobs, gpus)
    running: dict[str, str | None] = {}
    while True:
        while (choice := schedule.start_next()) is not None:
            name, gpu = choice
            assert all(schedule.states[need] in FINISHED for need in stages[name].needs)
            assert gpu is None or gpu not in running.values()
            assert (gpu is not None) == (bool(stages[name].gpus and gpus))
            running[name] = gpu
            assert len(running) <= jobs
        if not running:
            break
        name = generator.choice(sorted(running))
        del running[name]
        schedule.end(name, generator.choices(["ran", "unchanged", "failed"], [8, 2, 1])[0])
    assert not schedule.in_state("waiting", "running")
    for name in schedule.in_state("skipped"):
        assert any(schedule.states[need] in ("failed", "skipped") for need in stages[name].needs)
    for name in schedule.in_state(*FINISHED):
        assert all(schedule.states[need] in FINISHED for need in stages[name].needs)
