"""`seqproof export`: output, and what it refuses to write."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import tensorflow as tf
from typer.testing import CliRunner

from commands import app
from pipelines.data import parquet
from pipelines.export import onnx_model
from pipelines.inference import predictor
from pipelines.inference.predictor import Predictor
from pipelines.models import serialization
from pipelines.text import vocabulary

ROOT = Path(__file__).parents[3]


@pytest.fixture
def project(make, tmp_path, monkeypatch):
    """The project's params.yaml, whose opinions-lstm is a small classifier."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    tf.keras.utils.set_random_seed(3)
    spec, vocabularies = make.spec("classifier"), make.vocabularies("classifier")
    model = Predictor(serialization.build(spec.entry, vocabularies), spec, vocabularies)
    monkeypatch.setattr(predictor, "load", lambda *arguments, **options: model)
    parquet.write_parquet(make.frame("classifier"), Path("data/prepared/opinions/test.parquet"))
    Path("data/vocabulary").mkdir()
    vocabulary.save(vocabularies, Path("data/vocabulary/opinions.json"))
    return tmp_path


def export(*arguments):
    return CliRunner().invoke(app.app, ["export", *arguments])


def test_an_export_says_where_it_is_and_can_be_replaced(project):
    result = export("opinions-lstm", "--format", "onnx", "--json")
    assert result.exit_code == 0, result.output
    content = json.loads(result.stdout)
    assert content.pop("difference") < 1e-4
    assert content == {
        "model": "opinions-lstm",
        "format": "onnx",
        "folder": "exports/opinions-lstm/onnx",
        "texts": 6,
    }
    names = {file.name for file in (project / content["folder"]).iterdir()}
    assert names == {"model.onnx", "vocabulary.json"}
    assert export("opinions-lstm", "--format", "onnx").exit_code == 0


def test_a_model_that_answers_otherwise_is_not_written(project, monkeypatch):
    monkeypatch.setattr(onnx_model, "largest_difference", lambda *arguments: float("nan"))
    result = export("opinions-lstm", "--format", "onnx")
    assert "differ from those of the model by nan, so it is not written" in str(result.exception)
    assert not list(project.glob("exports/*/*"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["opinions-lst"], "no model 'opinions-lst'"),
        (["opinions-logistic"], "'model: logistic_regression', which is no network"),
        (["opinions-lstm", "--output", "data"], "data exists and holds something else"),
        (["opinions-lstm", "--output", "params.yaml"], "params.yaml exists and holds"),
        (["opinions-lstm", "--output", " "], "folder's name is empty"),
    ],
)
def test_mistakes_are_refused_in_a_sentence(project, arguments, message):
    result = export(*arguments)
    assert message in str(result.exception)


def test_missing_packages_are_named(project, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    result = export("opinions-lstm", "--format", "onnx")
    assert "pip install onnx onnxruntime" in str(result.exception)


def test_a_full_disk_is_named(project, monkeypatch):
    def save(*arguments, **options):
        raise tf.errors.ResourceExhaustedError(
            None, None, "saved_model.pb; No space left on device"
        )

    monkeypatch.setattr(tf.saved_model, "save", save)
    result = export("opinions-lstm")
    assert result.exit_code == 1
    assert str(result.exception).startswith(
        "The SavedModel cannot be written into exports/opinions-lstm (No space left on device)."
    )
    assert not list(Path("exports/opinions-lstm").iterdir())
