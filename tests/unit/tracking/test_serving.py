"""A served model uses the samples and search of its evaluation."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.config.params import Samples, Search
from pipelines.inference import predictor

SAMPLES = Samples(beginning="to", length=3, temperature=1.0)
SEARCH = Search(beam=5, length_penalty=0.6)


@pytest.mark.parametrize(("samples", "search"), [(SAMPLES, None), (None, SEARCH), (None, None)])
def test_a_served_model_has_the_samples_and_search_of_its_evaluation(monkeypatch, samples, search):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow, of its own type hints
        from pipelines.tracking import serving

    sections = {"samples": samples, "search": search}
    config = {key: section.model_dump(mode="json") for key, section in sections.items() if section}
    loaded = []
    monkeypatch.setattr(predictor, "load", lambda *arguments: loaded.append(arguments))
    context = SimpleNamespace(artifacts={"model": "m", "vocabulary": "v"}, model_config=config)
    serving.TextModel().load_context(context)
    assert loaded == [(Path("m"), Path("v"), samples, search)]
