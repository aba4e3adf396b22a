"""One model of each corpus has an alias, and none takes it that is not better."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from commands.promote import promote
from pipelines.errors import UserError
from pipelines.tracking import runs, store

HERE = Path(__file__).resolve().parents[3]
NAME = "seqproof-verses"


def _trained(root: Path, name: str, corpus: str = "verses", model: bool = True) -> str:
    """The run of a model of no weight."""
    folder = root / name
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(name, encoding="utf-8")
    who = runs.Identity(f"seqproof/{corpus}", name, corpus, "translation")
    with runs.training(who, root, uuid.uuid4().hex) as run:
        if model:
            run.log_model(folder, folder / "model.json", ["in"], ["out"])
    assert run.lost is None
    return run.id


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "params.yaml").write_bytes((HERE / "params.yaml").read_bytes())
    return tmp_path


def _client(root: Path) -> Any:
    return store.client(store.tracking_uri(root), root)


def test_each_corpus_has_a_champion_of_its_own(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, other = _trained(root, "verses-plain"), _trained(root, "dates-plain", "dates")
    for _ in range(2):  # the holder itself is promoted again: nothing doubles
        promote(first[:8], "champion")
    promote(other, "champion")  # of another corpus: compared with nothing
    assert capsys.readouterr().out.splitlines()[0] == (
        f"verses-plain of run {first[:8]} is version 1 of {NAME} and its champion: "
        f"models:/{NAME}@champion"
    )
    held = _client(root).get_model_version_by_alias(NAME, "champion")
    assert (held.run_id, held.tags) == (first, {"model": "verses-plain"})
    assert len(_client(root).search_model_versions(f"name = '{NAME}'")) == 1
    second = _trained(root, "verses-attention")
    _client(root).delete_run(first)
    with pytest.raises(UserError, match="which is its champion, was deleted"):
        promote(second, "champion")


def test_what_cannot_be_promoted_is_one_sentence(root: Path) -> None:
    bare = _trained(root, "verses-plain", model=False)
    with pytest.raises(UserError, match=r"\(verses-plain\) logged no model: `dvc repro evaluate@"):
        promote(bare, "champion")
    with pytest.raises(UserError, match="'verses-atention' is neither a model nor a run; did you"):
        promote("verses-atention", "champion")
    for alias in ("v2", "Latest", "a b", "", "a/b"):
        with pytest.raises(UserError, match=f"'{alias}' cannot be an alias"):
            promote(bare, alias)
