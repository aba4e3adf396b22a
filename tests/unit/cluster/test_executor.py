"""Stages on Dask workers: outs and dvc.lock are those of `dvc repro`."""

import logging
import os
import re
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout, suppress
from pathlib import Path

import dask
import pytest
from distributed.security import Security

from commands import execution
from pipelines.cluster import executor
from pipelines.cluster.client import RemoteTask, connect
from pipelines.cluster.executor import DaskExecutor
from pipelines.cluster.worker_groups import WorkerGroup
from pipelines.data import dask_client
from pipelines.errors import UserError
from pipelines.scheduling import jobs
from pipelines.scheduling.children import Children, StopSignals
from pipelines.scheduling.jobs import NOTICE, STARTED, StageJob
from tests import packages
from tests.faults.forked_run import ForkedRun
from tests.unit.cluster.dask_cluster import DaskCluster, wait_until
from tests.unit.scheduling.shell_project import STAGES, Project
from tests.unit.scheduling.test_local_jobs import wait
from tests.unit.tracking.servers import closed_port


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Project:
    """The project after `dvc repro`; with the code that runs on workers."""
    project = Project.create(tmp_path_factory.mktemp("plain").resolve() / "project")
    packages.copy("pipelines", project.folder)
    project.reproduce()
    project.commands()
    return project


@pytest.fixture(scope="module")
def begun(plain) -> Project:
    """The project in which nothing is trained."""
    project = Project(plain.folder.with_name("begun"))
    shutil.copytree(plain.folder, project.folder, symlinks=True)
    for path in ("out", ".dvc/cache"):
        shutil.rmtree(project.folder / path)
    (project.folder / "dvc.lock").unlink()
    project.reproduce("prepare")
    return project


@pytest.fixture
def project(begun, tmp_path) -> Project:
    """A copy of that project."""
    shutil.copytree(begun.folder, tmp_path.resolve() / "project", symlinks=True)
    return Project(tmp_path.resolve() / "project")


@pytest.fixture(params=["disk", "remote"])
def project_of_each_kind(request, project, tmp_path, monkeypatch) -> Project:
    """The project; workers see its disk, or only its remote."""
    if request.param == "remote":
        monkeypatch.setattr(RemoteTask, "shares_disk", lambda self, token: False)
        (project.folder / ".dvc" / "config").write_text(
            "[core]\nanalytics = false\nremote = there\n"
            f"['remote \"there\"']\nurl = {tmp_path / 'remote'}\n"
        )
    return project


class Run:
    """Jobs of a project on the workers, in a context."""

    def __init__(self, project: Project, children: Children, address: str) -> None:
        self.project = project
        self.variables = {"TRACE": str(project.trace)}
        self.executor = DaskExecutor(project.folder, children, list(STAGES), address)

    def __enter__(self) -> "Run":
        self.executor.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.executor.__exit__(*error)

    def start(self, name: str, params: str | None = None) -> None:
        """Start a stage, with its output in the log instead of with that of the tests."""
        with (
            os.fdopen(1, "w", closefd=False) as output,
            os.fdopen(2, "w", closefd=False) as errors,
            redirect_stdout(output),
            redirect_stderr(errors),
        ):
            self.executor.start(name, StageJob(name, params), self.variables)

    def finish(self, name: str) -> list[str]:
        """Wait for its end; return its messages."""
        messages, codes = wait(self.executor, [name])
        assert codes == {name: 0}, self.log(name)
        return messages[name]

    def run(self, name: str, params: str | None = None) -> list[str]:
        """Run a stage to its end; return its messages."""
        self.start(name, params)
        return self.finish(name)

    def log(self, name: str) -> str:
        """Return its output, empty until its process has opened the file."""
        file = self.executor.log(name)
        return file.read_text() if file.exists() else ""


@pytest.fixture
def on_workers(project, cluster, monkeypatch) -> Iterator[Run]:
    """The project's jobs on the workers."""
    monkeypatch.chdir(project.folder)
    logs = project.folder / ".seqproof" / "logs"
    with Children(logs) as children, Run(project, children, cluster.address) as started:
        yield started


def test_outs_and_lock_are_those_of_dvc_repro(project_of_each_kind, plain, on_workers):
    for name in ("train", "evaluate", "report"):  # the report is written here
        assert on_workers.run(name)[-1] == "ran", on_workers.log(name)
    assert project_of_each_kind.files() == plain.files()
    assert sorted(project_of_each_kind.commands()) == ["evaluate", "report", "train"]
    assert "Running train on tcp://127.0.0.1:" in on_workers.log("train")
    assert "work on train" in on_workers.log("train")
    assert project_of_each_kind.outdated() == []


def test_a_job_with_parameters_changes_nothing_but_the_cache(
    project_of_each_kind, on_workers, monkeypatch
):
    run_task = RemoteTask.run

    def run_with_costs(*arguments):
        result, runs = run_task(*arguments)
        return {**result, "costs": {"train.json": "{}"}}, runs

    monkeypatch.setattr(RemoteTask, "run", run_with_costs)
    before = project_of_each_kind.files()
    messages = on_workers.run("train", "rate: 2\n")
    assert project_of_each_kind.files() == before
    assert messages[-1] == "ran"
    assert STARTED in messages
    assert [row for message in messages if (row := jobs.epoch_row(message))] == [{"epoch": 1.0}]
    (outs,) = (outs for message in messages if (outs := jobs.locked_outs(message)))
    assert outs.files == {"out/history.csv": "epoch\n"}
    assert not (project_of_each_kind.folder / ".seqproof" / "costs").exists()
    project_of_each_kind.commands()
    (project_of_each_kind.folder / "params.yaml").write_text("rate: 2\n")
    project_of_each_kind.reproduce("train")  # takes the outs from the run cache
    assert project_of_each_kind.commands() == []
    assert (
        (project_of_each_kind.folder / "out" / "train" / "model")
        .read_text()
        .startswith("rate: 2\n")
    )


def test_what_the_cache_has_does_not_reach_a_worker(on_workers, plain):
    cache = Path(".dvc", "cache")
    shutil.copytree(plain.folder / cache, on_workers.project.folder / cache, dirs_exist_ok=True)
    assert on_workers.run("train") == ["restored"]
    assert on_workers.run("train") == ["unchanged"]
    assert "Running" not in on_workers.log("train")


def test_a_stage_that_fails_on_a_worker(on_workers):
    on_workers.project.trace.with_name(f"{on_workers.project.trace.name}.fail-train").touch()
    assert on_workers.run("train") == [STARTED, "failed"]
    log = on_workers.log("train")
    assert "exited with 3" in log
    assert "train failed on its worker" in log
    assert "Traceback" not in log


def begin_training(on_workers: Run, params: str | None = None) -> None:
    """Start a training, and wait until it runs on a worker."""
    on_workers.project.trace.with_name(f"{on_workers.project.trace.name}.wait").touch()
    on_workers.start("train", params)
    beats = on_workers.project.trace.with_name(f"{on_workers.project.trace.name}.beats")
    wait_until(lambda: beats.exists() or "seqproof: " in on_workers.log("train"))
    assert beats.exists(), on_workers.log("train")


def end_training(on_workers: Run) -> None:
    """Let the training end by itself."""
    on_workers.project.trace.with_name(f"{on_workers.project.trace.name}.wait").unlink()


def test_a_signal_stops_a_job_with_parameters_on_its_worker(on_workers, cluster):
    begin_training(on_workers, "rate: 3\n")
    on_workers.executor.send_signal(signal.SIGINT, "train")
    assert on_workers.finish("train")[-1] in ("stopped", "failed")
    wait_until(lambda: not cluster.stages())


def test_a_worker_ends_the_stage_of_a_killed_client(on_workers, cluster):
    begin_training(on_workers)
    assert cluster.stages()
    on_workers.executor.send_signal(signal.SIGKILL)
    _, codes = wait(on_workers.executor, ["train"])
    assert codes == {"train": -signal.SIGKILL}
    wait_until(lambda: not cluster.stages())  # it would run for ever


def test_a_stage_goes_on_where_its_worker_has_died(on_workers, cluster, plain):
    begin_training(on_workers)
    wait_until(lambda: "Running train on" in on_workers.log("train"))
    (address,) = re.findall("Running train on (.*)[.]", on_workers.log("train"))
    name = next(name for name in cluster.names() if address in cluster.log(name))
    cluster.kill(name)
    wait_until(lambda: on_workers.log("train").count("Running train on") == 2)
    end_training(on_workers)
    messages = on_workers.finish("train")
    assert messages[-1] == "ran"
    log = on_workers.log("train")  # a line of the lost worker may arrive late
    assert log.count("Running train on", log.index(f"Worker {address} was lost.\n")) == 1
    (notice,) = (message for message in messages if message.startswith(NOTICE))
    assert notice.startswith(f"{NOTICE}its worker {address} was lost. Another one runs it again; ")
    outs = {path: text for path, text in plain.files().items() if path.startswith("out/train/")}
    assert outs.items() <= on_workers.project.files().items()


def test_a_lost_scheduler_is_a_sentence(project, tmp_path, monkeypatch):
    monkeypatch.chdir(project.folder)
    with (
        DaskCluster(tmp_path / "cluster", os.environ) as cluster,
        Children(project.folder / ".seqproof" / "logs") as children,
        Run(project, children, cluster.address) as on_worker,
    ):
        cluster.add_workers(1)
        begin_training(on_worker)
        cluster.kill("scheduler")
        assert on_worker.finish("train")[-1] == "failed"
        assert "The connection to the Dask scheduler was lost." in on_worker.log("train")
        wait_until(lambda: not cluster.stages())


def test_a_scheduler_is_lost_while_stages_wait_for_workers(tmp_path, monkeypatch, caplog):
    # Its level in a new process; other tests have changed it.
    monkeypatch.setattr(logging.getLogger("distributed.client"), "level", logging.WARNING)
    lost = "^The connection to the Dask scheduler was lost[.]$"
    with DaskCluster(tmp_path, os.environ) as cluster, connect(cluster.address) as connection:
        group = WorkerGroup(connection, "train", lambda notice: cluster.kill("scheduler"), 2)
        with pytest.raises(UserError, match=lost):
            group.run({}, b"")  # it reports that it waits
        with pytest.raises(UserError, match=lost):
            RemoteTask(connection, "train", print).shares_disk("")
    assert caplog.messages == []  # of Dask


def test_ctrl_c_and_the_next_command(project, cluster, plain):
    (project.folder / "trace.env").write_text(f"TRACE='{project.trace}'\n")
    wait_file, beats = (Path(f"{project.trace}.{name}") for name in ("wait", "beats"))
    wait_file.touch()
    arguments = ("--scheduler", cluster.address)
    process = ForkedRun(project.folder, arguments)
    wait_until(beats.exists)
    process.send_signal(signal.SIGINT)
    output = process.communicate()
    assert process.returncode == 128 + signal.SIGINT
    assert "Stopping train." in output
    assert "while train ran. Run the same command again to resume." in output
    wait_file.unlink()
    process = ForkedRun(project.folder, arguments)
    output = process.communicate()
    assert process.returncode == 0, output
    assert "3 ran, 2 up to date, in " in output
    assert "with 2 at a time" in output
    assert project.files() == plain.files()
    assert list((project.folder / ".seqproof" / "exchange").iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "dash"])
def test_a_worker_that_gets_sigterm_lets_the_stage_end(shell, on_workers, cluster):
    """SLURM sends it to all processes of a job, and kills them when the worker has ended."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"{shell} is not installed")
    on_workers.variables["SHELL"] = path  # DVC runs the command in it
    last = on_workers.project.trace.with_name(f"{on_workers.project.trace.name}.last")
    script = on_workers.project.folder / "work.sh"
    text = script.read_text().replace("sleep 0.05", "sleep 0.05 || true")  # SIGINT reaches it, too
    script.write_text(f"trap 'sleep 1; touch {last}; exit 1' INT\n{text}")
    begin_training(on_workers)
    wait_until(lambda: "Running train on" in on_workers.log("train"))
    (address,) = re.findall("Running train on (.*)[.]", on_workers.log("train"))
    name = next(name for name in cluster.names() if address in cluster.log(name))
    cluster.terminate(name)
    assert last.exists(), cluster.log(name)
    end_training(on_workers)
    assert on_workers.finish("train")[-1] == "ran"


def test_inputs_that_change_meanwhile_are_an_error(on_workers):
    begin_training(on_workers)
    with (on_workers.project.folder / "work.sh").open("a") as file:
        file.write("true\n")
    end_training(on_workers)
    assert on_workers.finish("train")[-1] == "failed"
    assert "work.sh changed while train ran on a worker" in on_workers.log("train")


def test_other_versions_are_an_error(on_workers, monkeypatch):
    monkeypatch.setattr(executor, "PACKAGES", ("numpy",))
    monkeypatch.setattr(executor.metadata, "version", lambda name: "0.1")
    assert on_workers.run("train")[-1] == "failed"
    log = on_workers.log("train")
    assert re.search(r"Worker tcp://\S+ has other versions: numpy \d\S+ \(here 0.1\)\.", log)


def test_without_a_common_disk_and_a_remote(on_workers, monkeypatch):
    monkeypatch.setattr(RemoteTask, "shares_disk", lambda self, token: False)
    assert on_workers.run("train")[-1] == "failed"
    assert "The project has no default DVC remote" in on_workers.log("train")
    assert "Traceback" not in on_workers.log("train")


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("tcp://127.0.0.1:{}", ".+"),
        ("tcp://[::1]:{}", ".+"),
        ("tls://127.0.0.1:{}", "Dask's configuration has no certificates, distributed.comm.tls"),
        ("tcp://host.invalid:8786", "the host 'host.invalid' is unknown"),
        *(
            (address, "an address is tcp://HOST:PORT or tls://HOST:PORT, with .*")
            for address in ("nonsense", "", "tcp://::1:{}", "tcp://:abc", "inproc://a", "tcp://a:0")
        ),
    ],
)
def test_wrong_addresses_are_a_sentence(address, reason, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_client, "TIMEOUT", 0.3)
    message = f"^The Dask scheduler at '.*' does not answer [(]{reason}[)]. Correct"
    with Children(tmp_path) as children, pytest.raises(UserError, match=message):
        execution.count_workers(children, address.format(closed_port()), StopSignals())


@pytest.mark.parametrize("answer", ["", "HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_another_server_is_a_sentence(answer, tmp_path, monkeypatch):
    monkeypatch.setattr(dask_client, "TIMEOUT", 2)
    message = "does not answer [(]the server there is not one of Dask[)]"
    with socket.create_server(("127.0.0.1", 0)) as server, Children(tmp_path) as children:

        def serve() -> None:
            with server.accept()[0] as connection, suppress(ConnectionError):
                connection.sendall(answer.encode())
                while connection.recv(1024):
                    pass

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UserError, match=message):
            execution.count_workers(
                children, f"tcp://127.0.0.1:{server.getsockname()[1]}", StopSignals()
            )
        thread.join()


def test_a_password_of_an_address_is_not_shown(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_client, "TIMEOUT", 0.3)
    address = f"tcp://me:secret@127.0.0.1:{closed_port()}"
    with Children(tmp_path) as children, pytest.raises(UserError) as error:
        execution.count_workers(children, address, StopSignals())
    assert "secret" not in str(error.value)


def test_an_address_with_certificates(tmp_path, monkeypatch):
    folder = tmp_path / "certificates"
    folder.mkdir()
    security = Security.temporary()
    options = []
    for kind in ("ca_file", "scheduler_key", "scheduler_cert", "client_key", "client_cert"):
        (folder / kind).write_text(getattr(security, f"tls_{kind}"))
    for option, kind in {
        "ca-file": "ca_file",
        "cert": "scheduler_cert",
        "key": "scheduler_key",
    }.items():
        options += [f"--tls-{option}", str(folder / kind)]
    settings = dask.config.get("distributed.comm.tls") | {
        "ca-file": str(folder / "ca_file"),
        "client": {"key": str(folder / "client_key"), "cert": str(folder / "client_cert")},
    }
    with (
        DaskCluster(tmp_path / "cluster", os.environ, tuple(options), "tls") as cluster,
        Children(tmp_path) as children,
    ):
        with dask.config.set({"distributed.comm.tls": settings}):
            assert execution.count_workers(children, cluster.address, StopSignals()) == 0
        monkeypatch.setattr(dask_client, "TIMEOUT", 1)
        with pytest.raises(UserError, match="does not answer"):
            execution.count_workers(children, cluster.address, StopSignals())
