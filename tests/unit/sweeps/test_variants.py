"""Variants of params.yaml, and the key under which trials are continued."""

from pathlib import Path

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.lineage.stages import Inputs
from pipelines.sweeps import variants

ROOT = Path(__file__).resolve().parents[3]
MODEL = "opinions-lstm"
PLACE = f"models.lstm.{MODEL}"
SWEEP = {
    "model": MODEL,
    "parameters": {"units": {"low": 8, "high": 64}, "cell": ["lstm", "gru"]},
    "trials": 9,
    "metric": "valid_loss",
    "seed": 1,
    "confirm_seeds": [11, 12, 13],
}


@pytest.fixture(scope="module")
def text():
    return (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def config(text):
    return params.parse(text, "params.yaml")


def test_a_variant_differs_in_the_values_alone(text, config):
    values = {"units": 48, "optimizer.learning_rate": 1e-5, "seeds": None, "patience": None}
    changed = params.parse(variants.variant(text, config, MODEL, values), "variant")
    entry = config.models[MODEL]
    optimizer = entry.optimizer.model_copy(update={"learning_rate": 1e-5})
    update = {"units": 48, "optimizer": optimizer, "seeds": None, "patience": None}
    assert changed.models[MODEL] == entry.model_copy(update=update)
    assert changed.goals == ()
    for field in ("seed", "data_seed", "threads", "tracking", "corpora", "experiments"):
        assert getattr(changed, field) == getattr(config, field)
    others = {name: model for name, model in config.models.items() if name != MODEL}
    assert {name: changed.models[name] for name in others} == others


def test_an_invalid_variant_is_an_error_of_params_yaml(text, config):
    with pytest.raises(UserError, match=r"units"):
        variants.variant(text, config, MODEL, {"units": 0})


def test_the_key_changes_with_what_the_trials_depend_on(config):
    entry = {"units": 16, "cell": "lstm", "dropout": 0.5, "epochs": 3}

    def key(entry=entry, files=(("data", "1"),), **changes):
        sweep = params.Sweep.model_validate(SWEEP | changes)
        inputs = Inputs("train", "python", dict(files), {"seed": 1, PLACE: entry})
        return variants.key(config, sweep, inputs)

    # The starting point, the number of trials and the time change no trial.
    assert key() == key(entry | {"units": 20, "cell": "gru"}, trials=20, seconds=60)
    assert key() == key(entry | {"seeds": [1, 2]})
    keys = [
        key(),
        key(entry | {"dropout": 0.4}),
        key(files=(("data", "2"),)),
        key(seed=2),
        key(metric="valid_macro_f1"),
        key(pruner="median"),
        key(parameters={"units": {"low": 8, "high": 65}, "cell": ["lstm", "gru"]}),
    ]
    assert len(set(keys)) == len(keys)
