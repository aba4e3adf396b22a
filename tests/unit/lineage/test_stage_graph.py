"""Stages follow those whose files they read, whatever order they stand in."""

import pytest

from pipelines.errors import UserError
from pipelines.lineage import lockfiles
from pipelines.lineage.stage_graph import StageGraph

READS = {
    "report": ["metrics", "code.py"],
    "evaluate@b": ["models/b", "data/test"],
    "evaluate@a": ["models/a", "data/test"],
    "train@a": ["data/train"],
    "train@b": ["models/a/weights", "data/train"],  # one file of what another stage left
    "split": ["raw"],
}
LEAVES = {
    "report": ["report.html"],
    "evaluate@a": ["metrics/a.json"],
    "evaluate@b": ["metrics/b.json"],
    "train@a": ["models/a"],
    "train@b": ["models/b"],
    "split": ["data/train", "data/test"],
}
CHAIN = StageGraph(READS, LEAVES)


def test_it_goes_up_and_down_in_walking_order():
    assert CHAIN.order == ["split", "train@a", "evaluate@a", "train@b", "evaluate@b", "report"]
    assert CHAIN.above(["evaluate@b"]) == ["split", "train@a", "train@b"]
    assert CHAIN.below(["train@a"]) == ["evaluate@a", "train@b", "evaluate@b", "report"]
    assert CHAIN.above(["split"]) == CHAIN.below(["report"]) == []


def test_who_leaves_and_who_reads_a_path():
    assert CHAIN.makers("models/a/weights") == CHAIN.makers("models/a") == ["train@a"]
    assert CHAIN.makers("metrics") == ["evaluate@a", "evaluate@b"]
    assert CHAIN.makers("raw") == CHAIN.makers("model") == []
    assert CHAIN.readers("models/a") == ["evaluate@a", "train@b"]
    assert CHAIN.readers("models/a/note") == ["evaluate@a"]


def test_a_circle_is_refused():
    reads = {"one": ["b"], "two": ["a"]}
    with pytest.raises(UserError, match="in a circle"):
        _ = StageGraph(reads, {"one": ["a"], "two": ["b"]}).order


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("python -m x --model models/a", "models/a"),
        ("python -m x --model", None),
        ("python -m x 'open --model a", None),
        ("", None),
    ],
)
def test_what_a_command_gives_to_an_option(command, found):
    assert lockfiles.option(command, "model") == found


def test_which_part_of_a_run_a_stage_makes():
    made = {
        stage: lockfiles.stage_kind(stage)
        for stage in ("fine_tune@x", "evaluate@x", "preprocess@x")
    }
    assert made == {"fine_tune@x": "training", "evaluate@x": "evaluation", "preprocess@x": None}


def test_of_many_the_first_few_are_named():
    assert lockfiles.truncated("abc") == "a, b, c"
    assert lockfiles.truncated("abcde") == "a, b, c and 2 more"


def test_locks_of_the_folder_its_commit_and_the_experiments(project):
    commit = project.run("git", "rev-parse", "HEAD")
    places = [lock.place for lock in lockfiles.lockfiles(project.root)]
    assert places == ["", f"commit {commit[:8]}", "experiment lower"]
    here, same, other = lockfiles.lockfiles(project.root)
    assert here.entries == same.entries != other.entries
    assert lockfiles.at_revision(project.root, "HEAD~1", "there") is None


def test_a_damaged_lock_of_an_experiment_is_named(project):
    (project.root / "dvc.lock").write_text("stages: 3\n", encoding="utf-8")
    commit = project.commit("damaged")
    with pytest.raises(UserError, match=r"^The dvc\.lock of experiment x is damaged\.$"):
        lockfiles.at_revision(project.root, commit, "experiment x")
