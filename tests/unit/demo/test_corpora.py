"""Which models and examples of a project are shown."""

from types import SimpleNamespace

import pandas as pd
import pytest

from pipelines import paths
from pipelines.config import params
from pipelines.demo import corpora as demo_corpora
from pipelines.errors import UserError
from pipelines.inference import predictor
from pipelines.models import serialization
from pipelines.text import vocabulary
from tests.unit.conftest import CLEANING

CORPUS = SimpleNamespace(
    task="classification", tokens="words", cleaning=CLEANING, samples=None, search=None
)


@pytest.fixture
def project(corpora, make, tmp_path, monkeypatch):
    """A project with one of three models trained, and a corpus without any."""
    monkeypatch.chdir(tmp_path)
    trained = corpora["moods"].models["moods-logistic_regression"]
    entry = trained.spec.entry.model_copy(update={"corpus": "moods"})
    spec = serialization.ModelSpec(entry, "classification", "words", CLEANING, 1)
    paths.vocabulary("moods").parent.mkdir(parents=True)
    vocabulary.save(trained.vocabularies, paths.vocabulary("moods"))
    for name in ("good", "changed"):
        serialization.save(trained.model, spec, paths.vocabulary("moods"), paths.model(name))
    changed = entry.model_copy(update={"min_count": 2})
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "pairs.tsv").write_text("a\tb\nc\td\n", encoding="utf-8")
    return SimpleNamespace(
        corpora={"moods": CORPUS, "empty": CORPUS},
        models={"good": entry, "changed": changed, "untrained": entry},
        experiments=SimpleNamespace(
            word_order={"moods": SimpleNamespace(minimal_pairs="texts/pairs.tsv")}
        ),
        seed_of=lambda name: 1,
    )


def test_only_models_that_are_there_are_loaded(project):
    problem, corpus = demo_corpora.load(project, ["moods", "empty"])
    assert isinstance(problem, UserError)
    assert "other parameters" in str(problem)
    assert list(corpus.models) == ["good"]
    assert str(corpus.minimal_pairs) == "texts/pairs.tsv"


def test_examples_are_short_texts_of_known_words(project):
    _, corpus = demo_corpora.load(project, ["moods"])
    assert corpus.examples(3) == []  # no test split
    texts = ["a good film", "a zebra", "bad " * 40 + "bad", "a good film", "bad film", "not bad"]
    paths.test_frame("moods").parent.mkdir(parents=True)
    pd.DataFrame({"text": texts, "label": "x"}).to_parquet(paths.test_frame("moods"))
    assert corpus.examples(3) == ["a good film", "bad film", "not bad"]
    assert corpus.examples(1) == ["a good film"]


def test_translations_are_searched_with_alternatives(project, monkeypatch):
    searches = []
    monkeypatch.setattr(predictor, "load", lambda *arguments, **_: searches.append(arguments[3]))
    for search in (None, params.Search(beam=8), params.Search(beam=2, length_penalty=0.6)):
        project.corpora["moods"] = SimpleNamespace(
            **{**vars(CORPUS), "task": "translation", "search": search}
        )
        list(demo_corpora.load(project, ["moods"]))
    assert [search.beam for search in searches[::2]] == [5, 8, 5]
    assert searches[-1].length_penalty == 0.6
