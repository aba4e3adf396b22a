"""One model per corpus has an alias, and only a better model can take it."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from commands.promote import promote
from pipelines.errors import UserError
from pipelines.tracking import connection, runs

ROOT = Path(__file__).resolve().parents[3]
NAME = "seqproof-verses"


def _train(root: Path, name: str, corpus: str = "verses", model: bool = True) -> str:
    """Log a run with a placeholder model; return its id."""
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(name, encoding="utf-8")
    identity = runs.RunIdentity(f"seqproof/{corpus}", name, corpus, "translation")
    with runs.training(identity, root, uuid.uuid4().hex) as run:
        if model:
            run.log_model(folder, folder / "model.json", ["in"], ["out"])
    assert run.failure is None
    return run.id


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    return tmp_path


def _client(root: Path) -> Any:
    return connection.client(connection.tracking_uri(root), root)


def test_each_corpus_has_a_champion_of_its_own(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = _train(root, "verses-plain"), _train(root, "dates-plain", "dates")
    for _ in range(2):  # a second promotion changes nothing
        promote(first[:8], "champion")
    promote(other, "champion")  # of another corpus, so not compared
    assert capsys.readouterr().out.splitlines()[0] == (
        f"verses-plain of run {first[:8]} is version 1 of {NAME} and its champion: "
        f"models:/{NAME}@champion"
    )
    version = _client(root).get_model_version_by_alias(NAME, "champion")
    assert (version.run_id, version.tags) == (first, {"model": "verses-plain"})
    assert len(_client(root).search_model_versions(f"name = '{NAME}'")) == 1
    second = _train(root, "verses-attention")
    _client(root).delete_run(first)
    with pytest.raises(UserError, match=f"{NAME} has the alias champion, but its run was deleted"):
        promote(second, "champion")


def test_invalid_promotions_are_refused(root: Path) -> None:
    run_id = _train(root, "verses-plain", model=False)
    with pytest.raises(
        UserError, match=r"\(verses-plain\) has no logged model.*evaluate verses-plain"
    ):
        promote(run_id, "champion")
    with pytest.raises(UserError, match="'verses-atention' is neither a model nor a run; did you"):
        promote("verses-atention", "champion")
    for alias in ("v2", "Latest", "a b", "", "a/b"):
        with pytest.raises(UserError, match=f"'{alias}' is not a valid alias"):
            promote(run_id, alias)
