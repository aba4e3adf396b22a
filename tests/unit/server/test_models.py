"""A served alias: its version comes from MLflow's registry, and follows the alias."""

import uuid
from pathlib import Path

import pytest

from pipelines.errors import UserError
from pipelines.models import serialization
from pipelines.server.models import AliasFollower
from pipelines.text import vocabulary
from pipelines.tracking import registered_models, registry, run_store, runs
from pipelines.tracking.registered_models import Alias

CHAMPION = Alias("seqproof-moods", "champion")
CORPORA = {"moods": "seqproof-moods", "plain": "seqproof-plain"}


def register(root: Path, classifier, name: str, corpus: str = "moods") -> str:
    """Log a model, make it the champion and return its version."""
    folder, file = root / name, root / "vocabulary.json"
    folder.mkdir()
    vocabulary.save(classifier.predictor.vocabularies, file)
    serialization.write(classifier.predictor.model, classifier.predictor.spec, file, folder)
    identity = runs.RunIdentity(f"seqproof/{corpus}", name, corpus, "classification")
    with runs.training(identity, root, uuid.uuid4().hex) as run:
        run.log_model(folder, file, ["a film"], ["neutral"])
    assert run.failure is None
    store = run_store.open_store(root)
    record = next(record for record in store.runs if record.id == run.id)
    return registry.promote(store, record, store.logged_model(record).id, "champion")


def test_an_alias_is_served_and_followed(tmp_path, monkeypatch, classifier, capsys):
    """One test: a store takes seconds to create."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    register(tmp_path, classifier, "first")
    store = run_store.open_store(tmp_path)
    for name in ("champion", "moods@champion", "seqproof-moods@champion", str(CHAMPION)):
        assert registered_models.find_alias(name, store, CORPORA) == CHAMPION
    assert registered_models.find_alias("champio", store, CORPORA) is None
    with pytest.raises(UserError, match=r"'moods@best' is not registered; did you mean 'models:/"):
        registered_models.find_alias("moods@best", store, CORPORA)
    with pytest.raises(UserError, match=r"No version has the alias models:/seqproof-moods@best"):
        AliasFollower(Alias("seqproof-moods", "best"), store).load()

    follower = AliasFollower(CHAMPION, store)
    first = follower.load()
    assert (first.name, first.version) == ("first", "1")
    texts = ["a good film", "bad"]
    assert first.answer(texts) == classifier.answer(texts)
    assert follower.refresh(first) is first

    register(tmp_path, classifier, "second")
    for file in tmp_path.glob("mlartifacts/models/*/artifacts/artifacts/second"):
        file.rename(file.with_name("moved"))
    for _ in range(2):  # the failure is printed once
        assert follower.refresh(first) is first
    (error,) = capsys.readouterr().err.splitlines()
    assert error.startswith(f"Still version 1 of {CHAMPION}: ")
    for file in tmp_path.glob("mlartifacts/models/*/artifacts/artifacts/moved"):
        file.rename(file.with_name("second"))
    second = follower.refresh(first)
    assert (second.name, second.version) == ("second", "2")
    assert capsys.readouterr().out == f"{CHAMPION} is version 2 now: second\n"

    register(tmp_path, classifier, "other", "plain")
    assert registered_models.find_alias("moods@champion", store, CORPORA) == CHAMPION
    with pytest.raises(UserError, match=r"2 registered models .* models:/seqproof-moods@champion"):
        registered_models.find_alias("champion", store, CORPORA)
