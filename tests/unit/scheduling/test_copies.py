"""Jobs with their own params.yaml run in a copy; DVC restores their outs later."""

import shutil
from pathlib import Path

import pytest

from pipelines.lineage import dvc_project, git, transfer
from pipelines.scheduling import jobs
from pipelines.scheduling.children import Children
from pipelines.scheduling.jobs import StageJob
from pipelines.scheduling.local_jobs import LocalExecutor
from tests.unit.scheduling.shell_project import STAGES, Project
from tests.unit.scheduling.test_local_jobs import wait

TRAIN, EVALUATE = "train", "evaluate"


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Project:
    """The project after `dvc repro`."""
    project = Project.create(tmp_path_factory.mktemp("plain").resolve() / "project")
    project.reproduce()
    assert project.commands() == ["fetch", "prepare", "train", "evaluate", "report"]
    return project


@pytest.fixture
def project(plain, tmp_path) -> Project:
    """A copy of the finished project."""
    shutil.copytree(plain.folder, tmp_path.resolve() / "project", symlinks=True)
    return Project(tmp_path.resolve() / "project")


def run(project: Project, **started: StageJob):
    """Run jobs side by side; return their messages."""
    with Children(project.folder / ".seqproof" / "logs") as children:
        executor = LocalExecutor(project.folder, children, list(STAGES))
        for name, job in started.items():
            executor.start(name, job, {"TRACE": str(project.trace)})
        messages, codes = wait(executor, list(started))
    assert set(codes.values()) == {0}, executor.log(next(iter(started))).read_text()
    return messages


def test_a_job_with_parameters_changes_nothing_but_the_cache(project):
    before = project.files()
    messages = run(project, job=StageJob(TRAIN, "rate: 2\n"))["job"]
    assert project.files() == before
    assert project.commands() == ["train"]
    assert messages[-1] == "ran"
    assert [row for message in messages if (row := jobs.epoch_row(message))] == [{"epoch": 1.0}]
    (outs,) = (outs for message in messages if (outs := jobs.locked_outs(message)))
    assert outs.files == {"out/history.csv": "epoch\n"}
    assert outs.entry["params"] == {"params.yaml": {"rate": 2}}
    assert list((project.folder / ".seqproof" / "copies").iterdir()) == []
    (project.folder / "params.yaml").write_text("rate: 2\n")
    project.reproduce(TRAIN)  # takes the outs from the run cache
    assert project.commands() == []
    assert (project.folder / "out" / "train" / "model").read_text().startswith("rate: 2\n")
    assert transfer.read_entry(project.folder, TRAIN) == outs.entry


def test_jobs_of_one_stage_run_side_by_side_and_a_second_run_is_restored(project):
    texts = {f"job{rate}": f"rate: {rate}\n" for rate in (2, 3, 4)}
    started = {name: StageJob(TRAIN, text) for name, text in texts.items()}
    first = run(project, **started)
    assert sorted(project.commands()) == ["train"] * 3
    second = run(project, **started)
    assert project.commands() == []
    for name, messages in second.items():
        assert messages[-1] == "restored"
        assert messages[-2] in first[name]  # the same entry


def test_an_evaluation_takes_the_entry_of_its_training(project):
    first = run(project, job=StageJob(TRAIN, "rate: 2\nmore: 1\n"))["job"]
    (training,) = (outs for message in first if (outs := jobs.locked_outs(message)))
    job = StageJob(EVALUATE, "rate: 2\nmore: 1\n", {TRAIN: training.entry})
    messages = run(project, job=job)["job"]
    (outs,) = (outs for message in messages if (outs := jobs.locked_outs(message)))
    assert outs.files == {"out/metrics.json": '{"lines": 6}\n'}  # one more than in the project
    assert messages[-1] == "ran"
    assert project.commands() == ["train", "evaluate"]


def test_what_a_copy_cannot_restore_is_a_sentence(project, capfd):
    shutil.rmtree(project.folder / ".dvc" / "cache")
    messages = run(project, job=StageJob(TRAIN, "rate: 2\n"))["job"]
    assert messages == ["failed"]
    assert capfd.readouterr().err == (
        "seqproof: DVC's cache lacks out/fetch, out/prepare, which train reads. Run `seqproof run` "
        "or `dvc pull` first.\n"
    )


def test_a_copy_knows_the_commit_and_its_project(project, tmp_path):
    project.call("git", "add", "-A")
    name = ("-c", "user.name=me", "-c", "user.email=me@example.org")
    project.call("git", *name, "commit", "-qm", "all")
    (project.folder / "params.yaml").write_text("rate: 9\n")
    state = git.recorded(project.folder)
    assert "+rate: 9" in state["patch"]
    copy = project.folder / ".seqproof" / "copies" / "job"
    copy.mkdir(parents=True)
    (copy / git.RECORD).parent.mkdir()
    (copy / git.RECORD).write_text(jobs.json.dumps(state))
    assert git.git_state(copy) == git.git_state(project.folder)
    assert git.working_tree_patch(copy) == git.working_tree_patch(project.folder)
    assert dvc_project.main_root(copy) == project.folder
    assert dvc_project.main_root(Path(tmp_path)) == tmp_path.resolve()
