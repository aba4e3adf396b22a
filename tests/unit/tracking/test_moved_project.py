"""Runs and their artifacts follow a project that is moved or copied."""

import getpass
import hashlib
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pipelines.tracking import connection, registered_models, registry, run_store
from pipelines.tracking.registered_models import Alias
from tests.unit.tracking.work import CORPUS, NAME, Work

ALIAS = Alias(f"seqproof-{CORPUS}", "champion")
OTHER = "file:///data/elsewhere/7"  # of an experiment that a user has made


@pytest.fixture
def tracked(work: Work) -> Work:
    """A project with an evaluated model, its champion, and an experiment with files elsewhere."""
    work.train()
    work.evaluate()
    work.client().create_experiment("other", OTHER)
    store = run_store.open_store(work.folder)
    (run,) = store.runs
    model = store.logged_model(run)
    assert model is not None
    registry.promote(store, run, model.id, ALIAS.name)
    return work


def addresses(folder: Path) -> set[str]:
    """Return all values of a project's database that name an absolute path."""
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        query = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = [name for (name,) in database.execute(query)]
        rows = [row for name in tables for row in database.execute(f'SELECT * FROM "{name}"')]
    values = (str(value) for row in rows for value in row)
    return {value for value in values if value.startswith(("/", "file:", "sqlite:"))}


def hashes(folder: Path) -> dict[str, str]:
    """Return a hash of each file in a folder."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


def require_complete(folder: Path) -> None:
    """Check that everything of the run is read from, and written to, this folder."""
    from mlflow.tracking._tracking_service import utils

    utils._artifact_repos_cache.clear()  # of this process; a command is a process of its own
    store = run_store.open_store(folder)
    (run,) = store.runs
    model = store.logged_model(run)
    assert model is not None
    assert run.artifact_folder is not None
    assert model.folder is not None
    for path in (run.artifact_folder, model.folder):
        assert path.is_relative_to(folder)
        assert path.is_dir()
    assert store.read_text(run, f"history/{NAME}.csv")
    assert registry.promote(store, run, model.id, "again") == "1"
    with registered_models.model_files(ALIAS, "1", store) as files:
        assert (files.model / "model.json").is_file()
    store.log_text(run, "verified", "verify/level-0.json")
    assert (run.artifact_folder / "verify" / "level-0.json").is_file()
    assert {address for address in addresses(folder) if folder.as_uri() not in address} == {OTHER}


@pytest.mark.parametrize("name", ["with blanks, 50%41 off", "mlartifacts"])
def test_artifacts_follow_a_moved_project(
    tracked: Work,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
) -> None:
    home = tmp_path_factory.mktemp("home") / name
    shutil.move(tracked.folder, home)
    monkeypatch.chdir(home)
    require_complete(home)
    shutil.move(home, home.with_name("back"))
    monkeypatch.chdir(home.with_name("back"))
    require_complete(home.with_name("back"))


def test_a_copy_writes_nothing_into_the_original(
    tracked: Work, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    copy = tmp_path_factory.mktemp("copies") / "copy"
    shutil.copytree(tracked.folder, copy)
    before = hashes(tracked.folder)
    monkeypatch.chdir(copy)
    require_complete(copy)
    assert hashes(tracked.folder) == before


def test_the_addresses_of_a_store_that_the_user_names_stay(
    tracked: Work, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    store = tmp_path_factory.mktemp("shared") / "shared.db"
    shutil.move(tracked.folder / "mlflow.db", store)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", connection.sqlite_uri(store))
    folder = tmp_path_factory.mktemp("moved") / "moved"
    shutil.copytree(tracked.folder, folder)
    (run,) = run_store.open_store(folder).runs
    assert run.artifact_folder is not None
    assert run.artifact_folder.is_relative_to(tracked.folder)


def test_no_run_names_a_path_of_this_machine(tracked: Work) -> None:
    (run,) = tracked.runs()
    texts = [*run.data.tags.values(), *run.data.params.values()]
    files = [file for file in (tracked.folder / "mlartifacts").rglob("*") if file.is_file()]
    code = "/artifacts/code/pipelines/"  # logged with the model
    contents = [
        file.read_bytes().decode(errors="replace") for file in files if code not in str(file)
    ]
    assert any("model_code_path: serving.py" in content for content in contents)
    for word in (str(tracked.folder), str(Path.home()), f"/{getpass.getuser()}/"):
        assert [text for text in (*texts, *contents) if word in text] == []


def test_tensorboard_files_do_not_name_the_machine(work: Work, tmp_path: Path) -> None:
    board = tmp_path / "board"
    board.mkdir()
    (board / "events.out.tfevents.1795713557.my.host.23650.0.v2").write_bytes(b"events")
    (board / "text-words.tsv").write_bytes(b"words")
    work.train(tensorboard=board)
    logged = list(tmp_path.glob("mlartifacts/*/artifacts/tensorboard/*"))
    assert {path.name: path.read_bytes() for path in logged} == {
        "events.out.tfevents.1795713557.v2": b"events",
        "text-words.tsv": b"words",
    }
    assert (board / "events.out.tfevents.1795713557.my.host.23650.0.v2").is_file()


@pytest.mark.parametrize(
    ("url", "recorded"),
    [
        ("https://example.org/team/project.git", True),
        ("git@example.org:team/project.git", True),
        ("/home/someone/project.git", False),
        ("../project.git", False),
        ("file:///home/someone/project.git", False),
    ],
)
def test_a_run_names_the_repository_of_a_server_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, recorded: bool
) -> None:
    from mlflow.tracking.context import registry as contexts

    tags = {"mlflow.source.git.repoURL": url, "mlflow.source.name": str(tmp_path / "stages/x.py")}
    monkeypatch.setattr(contexts, "resolve_tags", lambda own: own | tags)
    resolved = connection.context_tags({"task": "tagging"}, tmp_path)
    assert resolved["mlflow.source.name"] == "stages/x.py"
    assert resolved.get("mlflow.source.git.repoURL") == (url if recorded else None)
