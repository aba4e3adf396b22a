"""Every key in which two models differ is named."""

from typing import Any

import yaml

from pipelines.config import params
from pipelines.reporting.model_differences import describe_differences, differing_keys
from tests.unit.config.shipped import TEXT

LSTM: dict[str, Any] = yaml.safe_load(TEXT)["models"]["lstm"]["opinions-lstm"]


def model(**changes: Any) -> params.ClassifierConfig:
    return params.ClassifierConfig.model_validate(LSTM | changes)


def test_every_differing_key_has_both_values() -> None:
    optimizer = {**LSTM["optimizer"], "learning_rate": 0.5}
    changed = model(cell="rnn", bidirectional=True, seeds=[1, 2], optimizer=optimizer)
    original = model(cell="lstm", bidirectional=False)
    assert differing_keys(original, changed) == {
        "cell": ("lstm", "rnn"),
        "bidirectional": ("false", "true"),
        "seeds": ("unset", "[1, 2]"),
        "optimizer.learning_rate": (str(LSTM["optimizer"]["learning_rate"]), "0.5"),
    }
    assert differing_keys(original, original) == {}


def test_models_of_one_kind_are_compared_with_the_one_before() -> None:
    perceptron = yaml.safe_load(TEXT)["models"]["baseline"]["opinions-perceptron"]
    bag = params.BagOfWordsConfig.model_validate(perceptron)
    rnn, lstm = model(cell="rnn"), model(cell="lstm", units=7)
    assert describe_differences({"rnn": rnn, "bag": bag, "lstm": lstm, "twin": lstm}) == (
        f"lstm differs from rnn in cell (lstm instead of rnn) and units (7 instead of "
        f"{LSTM['units']}). twin differs from lstm in nothing."
    )
    assert describe_differences({"rnn": rnn, "bag": bag}) == ""
