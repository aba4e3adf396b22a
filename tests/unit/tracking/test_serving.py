"""What a served model is loaded with: the values that it was evaluated with."""

import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipelines.config.params import Samples, Search
from pipelines.inference import predictor

SAMPLES = Samples(beginning="to", length=3, temperature=1.0)
SEARCH = Search(beam=5, length_penalty=0.6)


@pytest.mark.parametrize(("samples", "search"), [(SAMPLES, None), (None, SEARCH), (None, None)])
def test_a_served_model_writes_and_searches_as_it_was_evaluated(monkeypatch, samples, search):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # MLflow, of its own type hints
        from pipelines.tracking import serving

    sections = {"samples": samples, "search": search}
    config = {key: one.model_dump(mode="json") for key, one in sections.items() if one}
    loaded = []
    monkeypatch.setattr(predictor, "load", lambda *arguments: loaded.append(arguments))
    context = SimpleNamespace(artifacts={"model": "m", "vocabulary": "v"}, model_config=config)
    serving.TextModel().load_context(context)
    assert loaded == [(Path("m"), Path("v"), samples, search)]
