"""The stages of the laboratory, each on the smallest of experiments."""

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.experiments import tables
from pipelines.models import serialization
from pipelines.text import vocabulary
from stages import gradient_flow, long_memory, source_length, word_order

ROOT = Path(__file__).parents[3]
PRACTICE = {"units": 3, "batch_size": 2, "steps": 2, "learning_rate": 0.01, "clip_norm": 1.0}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The shipped parameters, the experiments on cells made tiny."""
    tree: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    tree["laboratory"] |= {
        "cells": {"tanh": {"cell": "rnn"}},
        "gradient_flow": {"adding": PRACTICE | {"lag": 4}},
        "long_memory": {"copying": PRACTICE | {"lags": [2, 3], "threshold": 0.5}},
    }
    tree["laboratory"]["word_order"]["opinions"] |= {"evidence": 0.1, "min_count": 1}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(tree), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_two_on_cells_write_their_tables(project: Path) -> None:
    gradient_flow.main("adding", Path("norms.csv"))
    long_memory.main("copying", Path("lags.csv"))
    assert len(tables.read(Path("norms.csv"), tables.GRADIENT_FLOW)) == 3 * 4
    assert list(tables.read(Path("lags.csv"), tables.LONG_MEMORY)["lag"]) == [2, 3]
    with pytest.raises(UserError, match=r"no task for gradient_flow 'copying'; .*adding"):
        gradient_flow.main("copying", Path("norms.csv"))


def test_word_order_asks_the_two_models_and_counts_of_n_grams(project: Path, make: Any) -> None:
    words = make.vocabularies("classifier")
    vocabulary.save(words, Path("words.json"))
    for kind in ("bag_of_words", "classifier"):
        card = make.spec(kind)
        serialization.save(
            serialization.build(card.entry, words), card, Path("words.json"), Path(kind)
        )
    train = make.frame("classifier")
    parquet.write_parquet(train, Path("train.parquet"))
    parquet.write_parquet(train.assign(text="so bad not good"), Path("test.parquet"))
    where = ("train.parquet", "test.parquet", "words.json", "bag_of_words", "classifier", "out.csv")
    word_order.main("opinions", *map(Path, where))
    found = tables.read(Path("out.csv"), tables.WORD_ORDER)
    models = ["opinions-perceptron", "3-grams", "opinions-lstm"]
    assert list(found["classifier"].unique()) == models
    assert list(found["text"][:2]) == ["the food was good , not bad at all .", "so bad not good"]
    assert found["exchanged"][1] == "so good not bad"
    parquet.write_parquet(train.assign(text="film"), Path("test.parquet"))
    with pytest.raises(UserError, match=r"No test text of 'opinions' has two words .*\.evidence"):
        word_order.main("opinions", *map(Path, where))


def test_source_length_scores_what_both_wrote(project: Path) -> None:
    said = pd.DataFrame({"source": ["ab", "cde"], "target": ["x", "y"], "hypothesis": ["x", "y"]})
    parquet.write_parquet(said, Path("attention.parquet"))
    parquet.write_parquet(said.assign(hypothesis="?"), Path("fixed.parquet"))
    source_length.main("dates", *map(Path, ("fixed.parquet", "attention.parquet", "out.csv")))
    found = tables.read(Path("out.csv"), tables.SOURCE_LENGTH)
    assert found.groupby("model")["score"].mean().to_dict() == {
        "dates-attention": 1.0,
        "dates-fixed": 0.0,
    }
