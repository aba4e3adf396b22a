"""`seqproof run` with DVC: failures, Ctrl-C, and kills at any moment."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
import yaml

from pipelines.lineage import dvc_project
from tests.faults.forked_run import ForkedRun

# What each stage reads; it writes its name and, in brackets, all of that.
NEEDS = {
    "check": ["params.yaml"],
    "fetch": ["out/check"],
    "prepare": ["out/check"],
    "train": ["out/fetch"],
    "tune": ["out/fetch", "out/prepare"],
    "score": ["out/train"],
    "report": ["out/score", "out/tune", "out/check"],
}
# An out is written in two steps, so that a half-written one is possible.
WORK = """\
name=$1; shift
echo $name >> trace
printf "$name(" > out/$name
sleep 0.05
test -e wait-$name && while true; do echo beat >> beats; sleep 0.05; done
cat "$@" >> out/$name
printf ")" >> out/$name
echo "work on $name"
! test -e fail-$name
"""


class Project:
    """A project whose stages are shell commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path) -> "Project":
        """Create a project in which nothing has run."""
        (folder / "out").mkdir(parents=True)
        stages = {
            name: {
                "cmd": f"sh work.sh {name} {' '.join(needs)}",
                "deps": ["work.sh", *needs],
                "outs": [f"out/{name}"],
            }
            for name, needs in NEEDS.items()
        }
        del stages["score"]["outs"]
        stages["score"]["metrics"] = [{"out/score": {"cache": False}}]
        (folder / "dvc.yaml").write_text(yaml.dump({"stages": stages}, sort_keys=False))
        (folder / "work.sh").write_text(WORK)
        project = cls(folder)
        project.edit(0)
        subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
        dvc_project.initialise(folder)
        return project

    def edit(self, value: int) -> None:
        """Change the only value, on which all outs depend."""
        (self.folder / "params.yaml").write_text(f"value: {value}\n")

    def start(self, *arguments: str) -> ForkedRun:
        """Start `seqproof run` in a process group of its own."""
        return ForkedRun(self.folder, arguments)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run `seqproof run` to its end; return its output."""
        process = self.start(*arguments)
        output = process.communicate()
        assert process.returncode == code, output
        return output

    def outdated(self) -> list[str]:
        """Return the stages that DVC would run."""
        with dvc_project.open_project(self.folder) as repo:
            return sorted(address.rpartition(":")[2] for address in repo.status())

    def check(self) -> None:
        """Check dvc.lock, and the outs of all stages that are up to date."""
        lock = self.folder / "dvc.lock"
        entries = dvc_project.parse_lock(lock.read_text()) if lock.exists() else {}
        outdated = self.outdated()
        with dvc_project.open_project(self.folder) as repo:
            for name, entry in entries.items():
                assert entry.outs.keys() == {f"out/{name}"}
                if name not in outdated:
                    texts = (self.folder / need for need in NEEDS[name])
                    content = "".join(text.read_text() for text in texts)
                    assert (self.folder / "out" / name).read_text() == f"{name}({content})"
                    for path, md5 in entry.outs.items():
                        assert dvc_project.file_hash(repo, str(self.folder / path)).md5 == md5
        assert set(NEEDS) - set(outdated) <= set(entries)

    def outs(self) -> dict[str, bytes]:
        """Return dvc.lock and all outs.

        A killed DVC may leave a partial copy beside an out, `.<22 characters>.tmp`.
        """
        files = [self.folder / "dvc.lock", *(self.folder / "out").glob("[!.]*")]
        return {file.name: file.read_bytes() for file in files}

    def trace(self) -> list[str]:
        """Return the stages whose commands have run since the last call."""
        file = self.folder / "trace"
        lines = file.read_text().split() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    def processes(self) -> list[str]:
        """Return the commands of the living processes that work in the project."""
        commands = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cwd").readlink() == self.folder:
                    command = (process / "cmdline").read_text(errors="replace")
                    commands += [command] if command else []
            except OSError:  # it has ended, or belongs to somebody else
                continue
        return commands


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project after a plain `dvc repro`."""
    project = Project.create(tmp_path_factory.mktemp("plain").resolve() / "project")
    with dvc_project.open_project(project.folder) as repo:
        here = Path.cwd()
        os.chdir(project.folder)
        repo.reproduce()
        os.chdir(here)
    assert set(project.trace()) == set(NEEDS)
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The project before its first run."""
    return Project.create(tmp_path.resolve() / "project")


@pytest.fixture
def finished(plain: Project, tmp_path: Path) -> Project:
    """A copy of the project after a plain `dvc repro`."""
    shutil.copytree(plain.folder, tmp_path.resolve() / "project", symlinks=True)
    return Project(tmp_path.resolve() / "project")


def wait_for(condition: Callable[[], object], process: ForkedRun) -> None:
    """Wait as long as it takes; fail if the process ends before."""
    while not condition():
        assert process.poll() is None or condition(), process.communicate()
        time.sleep(0.02)


def wait_for_the_end_of_all(project: Project) -> None:
    """Wait until no process works in the project; fail if one of them goes on with its work.

    A killed process may remain for a moment, but it writes no more beats: two processes that go on
    write 200 of them in five seconds or more.
    """
    beats = project.folder / "beats"

    def size() -> int:
        return beats.stat().st_size if beats.exists() else 0

    before = size()
    while processes := project.processes():
        assert size() < before + 200 * len("beat\n"), processes
        time.sleep(0.02)


def test_outs_and_lock_are_those_of_dvc_repro(project, plain):
    output = project.run("--jobs", "3")
    assert project.outs() == plain.outs()
    assert sorted(project.trace()) == sorted(NEEDS)
    assert "7 ran, in " in output
    project.check()
    assert "7 up to date" in project.run()
    assert project.trace() == []


def test_only_outdated_targets_run(finished):
    finished.edit(1)
    finished.run("train")
    assert sorted(finished.trace()) == ["check", "fetch", "train"]
    assert finished.outdated() == ["prepare", "report", "score", "tune"]
    assert "Did you mean 'score'?" in finished.run("scor", code=1)


def test_a_stage_whose_inputs_come_out_unchanged_is_not_run(finished):
    script = finished.folder / "work.sh"
    script.write_text(script.read_text() + "true\n")
    with (finished.folder / "dvc.yaml").open("r+") as file:
        stages = yaml.safe_load(file)["stages"]
        for entry in stages.values():
            if entry["cmd"].split()[2] != "fetch":
                entry["deps"].remove("work.sh")
        file.seek(0)
        file.truncate()
        yaml.dump({"stages": stages}, file, sort_keys=False)
    finished.run()  # the shorter lists of deps
    finished.trace()
    script.write_text(script.read_text() + "true\n")
    output = finished.run()
    assert finished.trace() == ["fetch"]
    assert "train: unchanged" in output
    assert "1 ran, 6 up to date" in output


def test_earlier_results_come_from_the_cache_of_dvc(finished):
    before = finished.outs()
    finished.edit(1)
    finished.run()
    assert len(finished.trace()) == 7
    finished.edit(0)
    output = finished.run()
    assert finished.trace() == []
    assert "7 restored from DVC's cache" in output
    assert finished.outs() == before


def test_missing_outs_are_restored(finished):
    before = finished.outs()
    (finished.folder / "out" / "fetch").unlink()
    output = finished.run("train")
    assert "fetch: restored from DVC's cache" in output
    assert "train: unchanged" in output
    assert finished.outs() == before
    assert finished.trace() == []


def test_after_a_failure_dependents_are_skipped_and_the_rest_goes_on(project, plain):
    (project.folder / "fail-fetch").touch()
    output = project.run(code=1)
    assert sorted(project.trace()) == ["check", "fetch", "prepare"]
    assert "    work on fetch\n" in output
    assert "fetch failed after" in output
    assert "failed: fetch\n" in output
    assert "skipped: train, tune, score, report\n" in output
    assert "2 ran, in " in output
    project.check()
    (project.folder / "fail-fetch").unlink()
    project.run()
    assert sorted(project.trace()) == ["fetch", "report", "score", "train", "tune"]
    assert project.outs() == plain.outs()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_all_and_the_next_run_goes_on(project, plain, number):
    for name in ("fetch", "prepare"):
        (project.folder / f"wait-{name}").touch()
    process = project.start("--jobs", "2")
    wait_for((project.folder / "beats").exists, process)
    wait_for(lambda: len((project.folder / "trace").read_text().split()) == 3, process)
    process.send_signal(number)
    output = process.communicate()
    assert process.returncode == 128 + number
    assert "while fetch, prepare ran. Run the same command again to resume." in output
    assert "Traceback" not in output
    wait_for_the_end_of_all(project)
    project.check()
    for name in ("fetch", "prepare"):
        (project.folder / f"wait-{name}").unlink()
    assert "6 ran, 1 up to date" in project.run()
    assert project.outs() == plain.outs()


def test_a_second_ctrl_c_kills(project):
    script = project.folder / "work.sh"
    script.write_text("trap '' INT\n" + script.read_text())
    (project.folder / "wait-check").touch()
    process = project.start()
    wait_for((project.folder / "beats").exists, process)
    process.send_signal(signal.SIGINT)
    assert any("Press Ctrl-C again" in line for line in process.stdout)
    process.send_signal(signal.SIGINT)
    process.communicate()
    assert process.returncode == 130
    wait_for_the_end_of_all(project)
    project.check()


def test_a_second_run_in_the_same_project_is_refused(project):
    (project.folder / "wait-check").touch()
    process = project.start()
    wait_for((project.folder / "beats").exists, process)
    output = project.run(code=1)
    assert f"Another `seqproof run` is running in this project (process {process.pid})" in output
    process.send_signal(signal.SIGINT)
    process.communicate()


@pytest.mark.parametrize("group", [False, True])
def test_no_stage_outlives_a_killed_run(project, group):
    for name in ("fetch", "prepare"):
        (project.folder / f"wait-{name}").touch()
    process = project.start("--jobs", "2")
    wait_for((project.folder / "trace").exists, process)
    wait_for(lambda: len((project.folder / "trace").read_text().split()) == 3, process)
    process.kill(group)
    process.communicate()
    wait_for_the_end_of_all(project)
    project.check()


def test_a_killed_process_of_a_stage_is_a_failure_and_leaves_no_command(project):
    (project.folder / "wait-fetch").touch()
    process = project.start("--jobs", "1")
    wait_for((project.folder / "beats").exists, process)
    (worker,) = psutil.Process(process.pid).children()
    worker.kill()
    output = process.communicate()
    assert process.returncode == 1
    assert "failed: fetch\n" in output
    assert "skipped: train, tune, score, report\n" in output
    assert sorted(project.trace()) == ["check", "fetch", "prepare"]
    wait_for_the_end_of_all(project)
    project.check()


def test_killed_at_twenty_random_moments(project, tmp_path):
    generator, value, kills = random.Random(19), 0, 0
    while kills < 20:
        if not project.outdated():
            value += 1
            project.edit(value)
        process = project.start("--jobs", str(generator.randrange(1, 4)))
        for _ in range(generator.randrange(12)):  # lines of output: stages that start or end
            process.stdout.readline()
        time.sleep(generator.random() / 5)
        process.kill(group=generator.random() < 0.5)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL  # else it had ended before
        wait_for_the_end_of_all(project)
        project.check()
    project.run()
    project.check()
    assert project.outdated() == []
    other = Project.create(tmp_path.resolve() / "other")
    other.edit(value)
    subprocess.run([sys.executable, "-m", "dvc", "repro", "-q"], cwd=other.folder, check=True)
    assert project.outs() == other.outs()


def test_what_a_killed_process_left_in_the_locks_of_dvc_does_no_harm(finished):
    finished.edit(1)
    locks = finished.folder / ".dvc" / "tmp" / "rwlock"
    owner = {"pid": os.getpid(), "cmd": "seqproof run fetch"}  # a number that is in use again
    fetch = str(finished.folder / "out" / "fetch")
    written = json.dumps({"write": {fetch: owner}})
    read = json.dumps({"read": {fetch: [owner]}})
    for value, text in enumerate(("", written[:20], written, read)):
        locks.write_text(text)
        finished.edit(value + 1)
        finished.run("fetch")
    finished.check()
