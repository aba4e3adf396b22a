"""The stage graph: stages are ordered by their files, whatever order they are listed in."""

from dataclasses import dataclass

import pytest

from pipelines.errors import UserError
from pipelines.lineage import lockfiles
from pipelines.lineage.stage_graph import StageGraph


@dataclass(frozen=True)
class Files:
    deps: tuple[str, ...]
    outs: tuple[str, ...]


STAGES = {
    "report": Files(("metrics", "code.py"), ("report.html",)),
    "evaluate@b": Files(("models/b", "data/test"), ("metrics/b.json",)),
    "evaluate@a": Files(("models/a", "data/test"), ("metrics/a.json",)),
    "train@a": Files(("data/train",), ("models/a",)),
    # Reads a single file of an out.
    "train@b": Files(("models/a/weights", "data/train"), ("models/b",)),
    "split": Files(("raw",), ("data/train", "data/test")),
}
ORDER = ["split", "train@a", "evaluate@a", "train@b", "evaluate@b", "report"]
GRAPH = StageGraph(STAGES)


def test_ancestors_and_descendants_are_in_topological_order():
    assert GRAPH.order == ORDER
    assert GRAPH.ancestors(["evaluate@b"]) == ["split", "train@a", "train@b"]
    assert GRAPH.descendants(["train@a"]) == ["evaluate@a", "train@b", "evaluate@b", "report"]
    assert GRAPH.ancestors(["split"]) == GRAPH.descendants(["report"]) == []
    assert GRAPH.ancestors(["train@a", "train@b"]) == ["split"]


def test_the_order_does_not_depend_on_the_order_of_the_stages():
    assert StageGraph(dict(reversed(STAGES.items()))).order == ORDER
    shuffled = dict(sorted(STAGES.items()))
    assert StageGraph(shuffled).ancestors(["report"]) == ORDER[:-1]


def test_producers_and_consumers_of_a_path():
    assert GRAPH.producers("models/a/weights") == GRAPH.producers("models/a") == ["train@a"]
    assert sorted(GRAPH.producers("metrics")) == ["evaluate@a", "evaluate@b"]
    assert GRAPH.producers("raw") == GRAPH.producers("model") == []
    assert sorted(GRAPH.consumers("models/a")) == ["evaluate@a", "train@b"]
    assert GRAPH.consumers("models/a/note") == ["evaluate@a"]


def test_a_stage_has_the_files_of_all_sources():
    edited = {"train@a": Files((), ()), "new": Files(("models/a",), ())}
    graph = StageGraph(STAGES, edited)
    assert graph.ancestors(["new"]) == ["split", "train@a"]
    assert set(graph.order) == {*STAGES, "new"}


def test_a_circle_is_an_error():
    stages = {"left": Files(("b",), ("a",)), "right": Files(("a",), ("b",))}
    with pytest.raises(UserError, match=r"dvc\.lock is damaged.*circle"):
        _ = StageGraph(stages).order


@pytest.mark.parametrize(
    ("stage", "kind"),
    [
        ("train_baseline@x", "training"),
        ("train_lstm@x", "training"),
        ("fine_tune@x", "training"),
        ("train_seq2seq@x", "training"),
        ("evaluate_baseline@x", "evaluation"),
        ("evaluate_lstm@x", "evaluation"),
        ("evaluate_fine_tuned@x", "evaluation"),
        ("evaluate_seq2seq@x", "evaluation"),
        ("evaluate@x", "evaluation"),  # in the dvc.lock of old commits
        ("preprocess@x", None),
        ("report", None),
    ],
)
def test_the_part_of_a_run_that_a_stage_makes(stage, kind):
    assert lockfiles.stage_kind(stage) == kind


def test_the_evaluation_of_a_model():
    stages = ["train_lstm@a", "evaluate_lstm@b", "evaluate_lstm@a", "evaluate_baseline@a"]
    assert lockfiles.evaluation_of("a", stages) == "evaluate_lstm@a"
    assert lockfiles.evaluation_of("c", stages) is None


def test_long_lists_are_truncated():
    assert lockfiles.truncated("abc") == "a, b, c"
    assert lockfiles.truncated("abcde") == "a, b, c and 2 more"


def test_lockfiles_of_the_workspace_its_commit_and_the_experiments(project):
    commit = project.run("git", "rev-parse", "HEAD")
    locations = [lock.location for lock in lockfiles.lockfiles(project.root)]
    assert locations == ["", f"commit {commit[:8]}", "experiment lower"]
    workspace, head, experiment = lockfiles.lockfiles(project.root)
    assert workspace.entries == head.entries != experiment.entries
    assert lockfiles.at_revision(project.root, "HEAD~1", "there") is None


def test_a_damaged_lockfile_of_an_experiment_is_an_error(project):
    (project.root / "dvc.lock").write_text("stages: 3\n", encoding="utf-8")
    commit = project.commit("damaged")
    with pytest.raises(UserError, match=r"dvc\.lock of experiment x is damaged"):
        lockfiles.at_revision(project.root, commit, "experiment x")
