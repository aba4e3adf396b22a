"""One model of each corpus has an alias, and none takes it that is not better."""

import uuid
from pathlib import Path
from typing import Any

import pytest

from commands import better
from commands.promote import promote
from pipelines.errors import Refusal
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
    return store.client(store.address(root), root)


def test_an_alias_goes_to_the_better_model_and_to_no_other(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = _trained(root, "verses-plain"), _trained(root, "verses-attention")
    other = _trained(root, "dates-plain", "dates")
    promote(first[:8], "champion")
    promote(other, "champion")  # of another corpus: compared with nothing
    assert capsys.readouterr().out.splitlines()[0] == (
        f"verses-plain of run {first[:8]} is version 1 of {NAME} and its champion: "
        f"models:/{NAME}@champion"
    )
    asked: list[tuple[str, str]] = []

    def no(candidate: Any, holder: Any) -> str:
        asked.append((candidate.id, holder.id))
        return "BLEU 1.0 is within chance of 1.1."

    monkeypatch.setattr(better, "better", no)
    with pytest.raises(Refusal) as refusal:
        promote(second, "champion")
    assert str(refusal.value) == (
        f"verses-attention does not become the champion of {NAME}: "
        "BLEU 1.0 is within chance of 1.1."
    )
    assert asked == [(second, first)]
    held = _client(root).get_model_version_by_alias(NAME, "champion")
    assert held.run_id == first
    assert len(_client(root).search_model_versions(f"name = '{NAME}'")) == 1
    monkeypatch.setattr(better, "better", lambda candidate, holder: None)
    for _ in range(2):  # the holder itself is promoted again: nothing doubles
        promote(second, "champion")
    held = _client(root).get_model_version_by_alias(NAME, "champion")
    assert (held.run_id, str(held.version), held.tags) == (
        *(second, "2", {"model": "verses-attention"}),
    )
    assert len(_client(root).search_model_versions(f"name = '{NAME}'")) == 2
    _client(root).delete_run(second)
    with pytest.raises(Refusal, match="which is its champion, was deleted"):
        promote(first, "champion")


def test_what_cannot_be_promoted_is_one_sentence(root: Path) -> None:
    bare = _trained(root, "verses-plain", model=False)
    with pytest.raises(Refusal, match=r"\(verses-plain\) logged no model: `dvc repro evaluate@"):
        promote(bare, "champion")
    with pytest.raises(Refusal, match="'verses-atention' is neither a model nor a run; did you"):
        promote("verses-atention", "champion")
    for alias in ("v2", "Latest", "a b", "", "a/b"):
        with pytest.raises(Refusal, match=f"'{alias}' cannot be an alias"):
            promote(bare, alias)
