"""Engines of the data stages: one process, a pool, and Dask write the same bytes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import yaml

from pipelines import paths
from pipelines.config import params
from pipelines.config.params import DataConfig
from pipelines.data import corpus, dask_client, engine, partitions
from pipelines.data.engine import Engine
from pipelines.errors import UserError
from stages import build_vocab, preprocess
from tests.unit.corpus_entries import CHECKS, COMMON_CHECKS, READERS

ROOT = Path(__file__).parents[3]
LOCAL = {"engine": "local"}
TREE: dict[str, Any] = {
    "seed": 1,
    "data_seed": 1,
    "threads": 1,
    "tracking": {"experiment_prefix": "t/"},
    "checkpoints": {"every": 10},
    "checks": COMMON_CHECKS,
    "models": {family: {} for family in params.ModelFamilies.model_fields},
    "experiments": {key: {} for key in params.Experiments.model_fields},
    "goals": [],
}
ROWS = 400
CORPUS = {
    "task": "classification",
    "source": {"kind": "files", "paths": ["texts/a.csv"]},
    "reader": READERS["classification"],
    "cleaning": {"unicode": "NFC", "lowercase": True, "max_length": 8, "drop_repeated": True},
    "tokens": "words",
    "split": {"method": "stratified", "valid": 0.1, "test": 0.1},
    "vocabulary": {"max_size": 100, "min_count": 1},
    "checks": CHECKS["classification"],
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a project whose raw rows are there."""
    raw = tmp_path / paths.raw("mood")
    raw.mkdir(parents=True)
    rows = [
        f"row {n % 37} is {'so ' * (n % 9)}{n % 7},{'bad' if n % 3 else 'good'}"
        for n in [*range(ROWS - 40), *range(40)]
    ]
    (raw / "a.csv").write_text("\n".join(["text,label", *rows]) + "\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_params(data: dict[str, str]) -> None:
    tree: dict[str, Any] = {**TREE, "data": data, "corpora": {"mood": CORPUS}}
    Path("params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")


def run_stages(data: dict[str, str]) -> dict[str, bytes]:
    """Run the stages, and return the content of all files that they write."""
    write_params(data)
    preprocess.main("mood")
    build_vocab.main("mood")
    files = [paths.frame("mood", split) for split in ("train", "valid", "test")]
    files += [paths.dropped("mood"), paths.data_checks("mood"), paths.profile("mood")]
    files += [paths.vocabulary("mood")]
    return {file.as_posix(): file.read_bytes() for file in files}


def test_a_pool_of_processes_writes_the_bytes_of_one(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = run_stages(LOCAL)
    monkeypatch.setattr(partitions, "MAX_ROWS", 50)
    assert run_stages(LOCAL) == alone
    assert not [path for path in Path("data").rglob("*") if ".work-" in path.name]


def test_dask_writes_the_same_bytes_when_a_worker_is_killed(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster

    alone = run_stages(LOCAL)
    monkeypatch.setattr(partitions, "MAX_ROWS", 20)
    monkeypatch.setattr(dask_client, "TIMEOUT", 600)  # for a slow machine
    with (
        mock.patch.dict(os.environ),  # Dask sets variables for good
        LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
    ):
        victim = next(iter(cluster.workers.values())).process.pid
        read = corpus.read

        def read_and_kill(*args: Any) -> Iterator[Any]:
            for number, row in enumerate(read(*args)):
                if number == ROWS // 2:  # ten partitions are on their way
                    os.kill(victim, signal.SIGKILL)
                yield row

        monkeypatch.setattr(corpus, "read", read_and_kill)
        assert run_stages({"engine": "dask", "scheduler": cluster.scheduler_address}) == alone
        with pytest.raises(ProcessLookupError):
            os.kill(victim, 0)


def test_a_scheduler_that_does_not_answer_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.data.dask_client.TIMEOUT", 0.2)
    config = DataConfig(engine="dask", scheduler="tcp://127.0.0.1:1")
    message = r"scheduler at 'tcp://127\.0\.0\.1:1' does not answer"
    with Engine(config) as pool, pytest.raises(UserError, match=message):
        pool.run(print, [1, 2])


def test_an_absent_dask_and_its_invalid_configuration_are_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match=r"^`--slurm` needs absent-module[.] "):
        dask_client.require("absent_module", "`--slurm`")

    def fail(name: str) -> None:
        raise ValueError("a.yaml is malformed:\n\nline 2")

    monkeypatch.setattr(dask_client.importlib, "import_module", fail)
    message = r"^Dask's configuration is invalid: a[.]yaml is malformed: line 2[.]$"
    with pytest.raises(UserError, match=message):
        dask_client.require("distributed", "`--slurm`")


def die(number: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_local_worker_that_dies_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_IN_PROCESS", 1)
    message = "A worker process died"
    with Engine(DataConfig(engine="local")) as pool, pytest.raises(UserError, match=message):
        pool.run(die, [1, 2])


def test_a_few_items_run_in_this_process() -> None:
    processes: list[int] = []
    with Engine(DataConfig(engine="local")) as pool:
        pool.run(lambda _: processes.append(os.getpid()), range(engine.MAX_IN_PROCESS))
    assert processes == [os.getpid()] * engine.MAX_IN_PROCESS


def is_alive(process: int) -> bool:
    """Return False for a process that has ended, even if nobody has asked for its exit code."""
    try:
        return bool(Path(f"/proc/{process}/cmdline").read_bytes())
    except OSError:
        return False


def announce_and_wait(file: Path) -> None:
    file.write_text(str(os.getpid()), encoding="utf-8")
    time.sleep(3600)


def test_workers_end_with_a_killed_stage(tmp_path: Path) -> None:
    files = [tmp_path / "first", tmp_path / "second"]
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from pipelines.config.params import DataConfig\n"
        "from pipelines.data import engine\n"
        "from tests.unit.data.test_engine import announce_and_wait\n"
        "engine.MAX_IN_PROCESS = 1\n"
        "pool = engine.Engine(DataConfig(engine='local'))\n"
        "pool.run(announce_and_wait, map(Path, sys.argv[1:]))\n"
    )
    command = [sys.executable, "-c", code, *map(str, files)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while not all(file.exists() and file.read_text(encoding="utf-8") for file in files):
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    workers = [int(file.read_text(encoding="utf-8")) for file in files]
    while any(map(is_alive, workers)):
        time.sleep(0.05)  # without an end, the test has none


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"engine": "dask"}, "'scheduler' is missing"),
        ({"engine": "local", "scheduler": "tcp://a:1"}, "'scheduler' has no effect"),
        ({"engine": "dask", "scheduler": "a:1"}, "scheduler"),
        ({"engine": "spark"}, "engine"),
    ],
)
def test_engine_and_scheduler_belong_together(data: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DataConfig.model_validate(data)
