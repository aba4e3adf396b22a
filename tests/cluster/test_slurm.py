"""Workers as jobs of a real SLURM: their number, their ends, and refused jobs."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import dask
import dask_jobqueue  # noqa: F401, its defaults
import pytest
from distributed import Client

from pipelines.cluster import client, slurm
from pipelines.errors import UserError
from tests.cluster.slurm import Slurm

ROOT = Path(__file__).parents[2]
LOST = "^The connection to the Dask scheduler was lost[.]$"
SMALL = {"cores": 1, "memory": "1GB"}


@pytest.fixture
def configured(slurm_server: Slurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[Slurm]:
    """The SLURM; Dask's configuration has what a job needs."""
    for key, value in slurm_server.variables.items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr(slurm, "PERIOD", 0.2)
    with dask.config.set({f"jobqueue.slurm.{key}": value for key, value in SMALL.items()}):
        yield slurm_server


def open_scheduler(jobs: int, logs: Path) -> AbstractContextManager[str]:
    """Start a scheduler and its workers as jobs."""
    return slurm.open_scheduler(jobs, logs, lambda: None)


def wait_for(condition: Callable[[], object]) -> None:
    """Wait as long as it takes."""
    while not condition():
        time.sleep(0.1)


def test_jobs_are_replaced_and_end_with_the_context(configured, tmp_path, capfd):
    with open_scheduler(2, tmp_path) as address, Client(address) as client:
        client.wait_for_workers(2)
        first, second = sorted(configured.jobs(), key=int)
        configured.call("scancel", first)
        wait_for(lambda: len(set(configured.jobs("running")) - {first}) == 2)
        third = max(configured.jobs(), key=int)

        def connected() -> set[str]:
            """Return the jobs whose workers answer; one that ends may not."""
            return set(client.run(os.getenv, "SLURM_JOB_ID", on_error="ignore").values())

        wait_for(lambda: connected() == {second, third})
        assert set(client.nthreads().values()) == {1}
    wait_for(lambda: not configured.jobs())
    assert capfd.readouterr().err == ""


def test_connections_are_encrypted_and_need_the_certificate(configured, tmp_path):
    with open_scheduler(1, tmp_path) as address:
        assert address.startswith("tls://")
        others = {**dask.config.get(slurm.TLS), **slurm._certificates()}
        with dask.config.set({slurm.TLS: others}), pytest.raises(OSError, match="certificate"):
            Client(address, timeout=5)
    assert slurm.INHERITED not in os.environ
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert not any("BEGIN" in file.read_text() for file in files)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"queue": "none"}, "SLURM refuses the job: invalid partition specified: none"),
        ({"cores": 640}, "SLURM refuses the job: .*node configuration is not available"),
        ({"walltime": "soon"}, "SLURM refuses the job: Invalid --time specification"),
        ({"memory": "lots"}, "jobqueue.slurm is invalid: Could not interpret 'lots'"),
        ({"memory": None}, "Dask's configuration lacks jobqueue.slurm.memory"),
        ({"cores": "two"}, "jobqueue.slurm.cores must be a positive whole number, not 'two'"),
        ({"cores": 0}, "jobqueue.slurm.cores must be a positive whole number, not 0"),
        ({"walltime": 43200}, "jobqueue.slurm.walltime must be text in quotes, not 43200"),
        ({"job-script-prologue": "a"}, "job-script-prologue must be a list of texts, not 'a'"),
        ({"scheduler-options": {"interface": "none"}}, "'none' is not a valid network interface"),
    ],
)
def test_a_refused_job_is_reported(
    configured: Slurm, tmp_path: Path, values: dict[str, Any], message: str
):
    changes = {f"jobqueue.slurm.{key}": value for key, value in values.items()}
    with (
        dask.config.set(changes),
        pytest.raises(UserError, match=message),
        open_scheduler(1, tmp_path),
    ):
        pass
    assert configured.jobs() == []


def test_without_slurm(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(UserError, match="needs the command `sbatch`, which is not installed here"),
        open_scheduler(1, tmp_path),
    ):
        pass


def test_jobs_whose_workers_do_not_start_end_the_scheduler(configured, tmp_path, capfd):
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o755)
    with (
        dask.config.set({"jobqueue.slurm.python": str(python)}),
        open_scheduler(1, tmp_path) as address,
        client.connect(address) as connection,
        pytest.raises(UserError, match=LOST),
    ):
        client.RemoteTask(connection, "train", print).shares_disk("")
    *jobs, last = capfd.readouterr().err.splitlines()
    pattern = r"Job (\d+) of SLURM ended before its worker had connected[.] See its output in /.*"
    assert len({re.fullmatch(pattern, line)[1] for line in jobs}) == slurm.MAX_EARLY_ENDS
    assert last.startswith("The last 3 jobs of SLURM ended before their workers had connected. ")
    assert "Correct jobqueue.slurm in Dask's configuration" in last


def test_jobs_end_when_the_process_is_killed(configured, tmp_path):
    script = (
        "import sys, time; from pathlib import Path; from distributed import Client\n"
        "from pipelines.cluster import slurm\n"
        "with slurm.open_scheduler(1, Path(sys.argv[1]), lambda: None) as address:\n"
        "    client = Client(address)\n"
        "    client.wait_for_workers(1)\n"
        "    print('connected', flush=True)\n"
        "    time.sleep(1000)\n"
    )
    variables = {f"DASK_JOBQUEUE__SLURM__{key.upper()}": str(value) for key, value in SMALL.items()}
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        env={**os.environ, **variables, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    with process.stdout as output:
        while "connected" not in output.readline():
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
    wait_for(lambda: not configured.jobs())
