"""The stages of the experiments, on tiny experiments."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pipelines import paths
from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.experiments import tables
from pipelines.models import serialization
from pipelines.text import vocabulary
from stages import backpropagation, memory, source_length, word_order
from tests.walk import projects as walk

ROOT = Path(__file__).parents[3]
MEMORY = walk.MEMORY | {"symbols": 2, "lags": [2, 3]}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write params.yaml with small experiments, and make its folder the current one."""
    tree: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tree["experiments"] |= {
        "cells": {"tanh": {"cell": "rnn"}},
        "memory": {"copying": MEMORY},
    }
    tree["experiments"]["backpropagation"]["xor"] |= {"examples": 8, "epochs": 2}
    exchange = {"labels": ["negative", "positive"], "evidence": 0.1, "min_count": 1}
    shift = {"words": "On Monday", "texts": 1}
    tree["experiments"]["word_order"]["opinions"] |= {"exchange": exchange, "shift": shift}
    (tmp_path / "texts").mkdir()
    pairs = "negative\tpositive\nSo bad, not good\tSo good, not bad\n"
    (tmp_path / "texts" / "minimal_pairs.tsv").write_text(pairs, encoding="utf-8")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_backpropagation_records_networks_and_their_gradients(project: Path) -> None:
    backpropagation.main("xor")
    table = tables.read(paths.experiment("backpropagation", "xor"), tables.BACKPROPAGATION)
    assert (table["quantity"] == "example").sum() == 8
    networks = table[table["quantity"] == "loss"].groupby("model", sort=False)
    assert [(name, list(rows["step"])) for name, rows in networks] == [
        (model, [0, 8, 16]) for model in ("perceptron", "linear", "mlp")
    ]
    for quantity, limit in (("tape", 1e-12), ("differences", 1e-6)):
        differences = table[table["quantity"] == quantity]
        assert len(differences) == 2 * (2 + 4 + 4)
        assert differences["value"].max() < limit
    before = paths.experiment("backpropagation", "xor").read_bytes()
    backpropagation.main("xor")
    assert paths.experiment("backpropagation", "xor").read_bytes() == before
    with pytest.raises(UserError, match=r"'circles'.*experiments\.backpropagation.*xor"):
        backpropagation.main("circles")


def test_a_training_that_diverges_is_an_error(project: Path) -> None:
    file = project / "params.yaml"
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    tree["experiments"]["backpropagation"]["xor"] |= {"activation": "relu", "learning_rate": 1e200}
    file.write_text(yaml.safe_dump(tree), encoding="utf-8")
    with pytest.raises(UserError, match=r"backpropagation.xor diverged. Lower its 'learning_rate'"):
        backpropagation.main("xor")
    assert not paths.experiment("backpropagation", "xor").exists()


def test_experiments_on_synthetic_tasks_write_tables(project: Path) -> None:
    memory.main("copying")
    losses = tables.read(paths.experiment("memory", "copying"), tables.MEMORY)
    assert list(losses["lag"]) == [2, 2, 3, 3]
    norms = tables.read(paths.gradient_norms("copying"), tables.GRADIENT_FLOW)
    assert len(norms) == 2 * 2 * (3 + 2 * 2)  # initial and trained, two seeds, all steps
    with pytest.raises(UserError, match=r"'adding'.*experiments\.memory.*copying"):
        memory.main("adding")


def test_word_order_compares_four_classifiers(project: Path, make: Any) -> None:
    vocabularies, vocabulary_file = make.vocabularies("classifier"), paths.vocabulary("opinions")
    vocabulary.save(vocabularies, vocabulary_file)
    models: dict[str, tuple[str, dict[str, int]]] = {
        "opinions-perceptron": ("bag_of_words", {}),
        "opinions-positions": ("bag_of_words", {"positions": 3}),
        "opinions-lstm": ("classifier", {}),
    }
    for name, (kind, changes) in models.items():
        spec = make.spec(kind, **changes)
        model = serialization.build(spec.entry, vocabularies)
        serialization.save(model, spec, vocabulary_file, paths.model(name))
    train = make.frame("classifier")
    parquet.write_parquet(train, paths.train_frame("opinions"))
    parquet.write_parquet(train.assign(text="so bad not good"), paths.test_frame("opinions"))
    word_order.main("opinions")
    predictions = tables.read(paths.experiment("word_order", "opinions"), tables.WORD_ORDER)
    classifiers = ["opinions-perceptron", "opinions-positions", "3-grams", "opinions-lstm"]
    assert list(predictions["classifier"].unique()) == classifiers
    assert list(predictions["pairs"].unique()) == ["natural", "shifted", "exchanged"]
    texts = ["so bad , not good", "so bad not good on monday", "so bad not good"]
    assert list(predictions["text"][:3]) == texts
    exchanged = ["so good , not bad", "on monday so bad not good", "so good not bad"]
    assert list(predictions["exchanged"][:3]) == exchanged
    assert predictions["exchanged_label"][0] == "positive"
    assert predictions["exchanged_label"][1] == predictions["label"][1]
    assert predictions["exchanged_label"][2:3].isna().all()
    parquet.write_parquet(train.assign(text="film"), paths.test_frame("opinions"))
    word_order.main("opinions")
    predictions = tables.read(paths.experiment("word_order", "opinions"), tables.WORD_ORDER)
    assert list(predictions["pairs"].unique()) == ["natural", "shifted"]


def test_source_length_scores_two_models(project: Path) -> None:
    predictions = pd.DataFrame(
        {"source": ["ab", "cde"], "target": ["x", "y"], "hypothesis": ["x", "y"]}
    )
    parquet.write_parquet(predictions, paths.predictions("dates-attention"))
    parquet.write_parquet(predictions.assign(hypothesis="?"), paths.predictions("dates-fixed"))
    source_length.main("dates")
    scores = tables.read(paths.experiment("source_length", "dates"), tables.SOURCE_LENGTH)
    assert scores.groupby("model")["score"].mean().to_dict() == {
        "dates-attention": 1.0,
        "dates-fixed": 0.0,
    }
