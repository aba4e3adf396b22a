"""Sweeps of params.yaml: their error messages, and the values that they may try."""

import re
from pathlib import Path
from typing import Any

import pytest

from pipelines.config import params, sweeps
from pipelines.config.sweeps import NumericRange
from pipelines.errors import UserError
from tests.unit.config.shipped import PATH

TEXT = PATH.read_text(encoding="utf-8")
SWEEP = """
sweeps:
  tuning:
    model: opinions-lstm
    parameters:
      units: {low: 32, high: 256, log: true}
    trials: 30
    metric: valid_macro_f1
    seed: 1
    confirm_seeds: [11, 12, 13]
"""
UNITS = "units: {low: 32, high: 256, log: true}"
KEY = r"sweeps\.tuning\.parameters"
INVALID = {
    "a misspelt parameter": (
        *(UNITS, "unit: {low: 32, high: 256}"),
        rf"{KEY}\.unit: the model has no parameter 'unit'; did you mean 'units'\?",
    ),
    "a misspelt parameter of a section": (
        *(UNITS, "optimizer.rate: [0.1, 0.2]"),
        rf"{KEY}\.optimizer\.rate: .*; did you mean 'optimizer\.learning_rate'\?",
    ),
    "a parameter of another kind of model": (
        *(UNITS, "attention: [dot, general]"),
        rf"{KEY}\.attention: the model has no parameter 'attention'; did you mean",
    ),
    "a parameter like no other": (
        *(UNITS, "xyzzy: [1, 2]"),
        rf"{KEY}\.xyzzy: the model has no parameter 'xyzzy'; known: cell, embedding, units",
    ),
    "the seed": (UNITS, "seed: [1, 2]", rf"{KEY}\.seed cannot be searched"),
    "a value too low": (
        *(UNITS, "units: {low: 0, high: 9}"),
        rf"{KEY}\.units\.low is 0: it must be greater than or equal to 1\.",
    ),
    "a value too high": (
        *(UNITS, "dropout: {low: 0, high: 1}"),
        rf"{KEY}\.dropout\.high is 1\.0: it must be less than 1\.",
    ),
    "a range upside down": (
        *(UNITS, "units: {low: 256, high: 32}"),
        rf"{KEY}\.units: 'low: 256' must be below 'high: 32'\.",
    ),
    "a broken integer": (
        *(UNITS, "units: {low: 1, high: 3, step: 0.5}"),
        rf"{KEY}\.units\.step is 0\.5: it must be an integer\.",
    ),
    "a range of words": (UNITS, "cell: {low: 1, high: 2}", rf"{KEY}\.cell: it is no number"),
    "a misspelt key of a range": (
        *("high: 256, log", "hihg: 256, log"),
        rf"{KEY}\.units\.hihg is not a valid key; did you mean 'high'\?",
    ),
    "steps of a logarithmic scale": (
        *("log: true", "log: true, step: 2"),
        rf"{KEY}\.units: 'log' and 'step' exclude each other",
    ),
    "a logarithm of 0": (
        *(UNITS, "dropout: {low: 0, high: 0.5, log: true}"),
        rf"{KEY}\.dropout: 'log' needs 'low' above 0",
    ),
    "steps that miss the end": (
        *(UNITS, "units: {low: 2, high: 9, step: 2}"),
        rf"{KEY}\.units: 'high: 9' is not 'low: 2' plus a multiple of 'step: 2'\.",
    ),
    "an unknown choice": (
        *(UNITS, "cell: [lstm, gri]"),
        rf"{KEY}\.cell\.1 is 'gri'; did you mean 'gru'\? known:",
    ),
    "a choice of another type": (
        *(UNITS, "units: [32, large]"),
        rf"{KEY}\.units\.1 is 'large': it must be an integer\.",
    ),
    "a repeated choice": (
        *(UNITS, "units: [32, 64, 32]"),
        r"sweeps\.tuning: 'parameters\.units' repeats 32: remove it\.",
    ),
    "a repeated null": (
        *(UNITS, "word_dropout: [null, null]"),
        r"sweeps\.tuning: 'parameters\.word_dropout' repeats null: remove it\.",
    ),
    "a date": (UNITS, "units: [2020-01-01, 2]", rf"{KEY}\.units\.0 is .*: it must be an integer"),
    "a parameter without a section": (
        *(UNITS, ".units: [32, 64]"),
        rf"{KEY}\.\.units: the model has no parameter '\.units'; did you mean 'units'\?",
    ),
    "too many choices": (
        *(UNITS, f"units: {list(range(1, 52))}"),
        rf"{KEY}\.units is \[.*\]: it must have at most 50 values\.",
    ),
    "one choice": (
        *(UNITS, "units: [null]"),
        rf"{KEY}\.units is \[null\]: it must have at least 2 values\.",
    ),
    "no parameter": (f"\n      {UNITS}", " {}", rf"{KEY} is \{{\}}: it must not be empty\."),
    "a choice that another key refuses": (
        *(UNITS, "cell: [lstm, gru]\n      forget_bias: [1.0, 2.0]"),
        rf"{KEY}: a trial may have cell: gru and forget_bias: 1\.0: 'forget_bias' has no effect",
    ),
    "a choice that needs another key": (
        *(UNITS, "optimizer.schedule: [linear, exponential]"),
        rf"{KEY}: a trial may have optimizer\.schedule: exponential: .* needs 'factor'\.",
    ),
    "an unknown model": (
        *("model: opinions-lstm\n    par", "model: opinions-lstn\n    par"),
        r"sweeps\.tuning\.model: there is no model 'opinions-lstn'; did you mean 'opinions-lstm'\?",
    ),
    "a model that counts": (
        *("model: opinions-lstm\n    par", "model: shakespeare-markov\n    par"),
        r"sweeps\.tuning\.model: 'shakespeare-markov' is not trained by gradient descent",
    ),
    "a metric of no column": (
        *("metric: valid_macro_f1", "metric: valid_f1"),
        r"sweeps\.tuning\.metric: .* 'valid_f1'; did you mean 'valid_macro_f1'\? known: .*loss\.",
    ),
    "an unknown pruner": (
        *("seed: 1\n    conf", "pruner: medain\n    seed: 1\n    conf"),
        r"sweeps\.tuning\.pruner is 'medain'; did you mean 'median'\?",
    ),
    "the seed of the trials": (
        *("[11, 12, 13]", "[1, 12, 13]"),
        r"sweeps\.tuning\.confirm_seeds: the trials are trained from the seed 1: ",
    ),
    "two seeds": (
        *("[11, 12, 13]", "[11, 12]"),
        r"sweeps\.tuning\.confirm_seeds is \[11, 12\]: it must have at least 3 values\.",
    ),
    "a name that is too long": (
        *("  tuning:", f"  {'a' * 101}:"),
        r"'sweeps\.a+\.\.\.a+': the name has more than 100 characters\.",
    ),
    "a repeated seed": ("[11, 12, 13]", "[11, 12, 11]", r"sweeps\.tuning: .* repeats a seed"),
    "a misspelt key": ("trials: 30", "trails: 30", r"tuning\.trails is not .* mean 'trials'\?"),
    "no number of trials": ("    trials: 30\n", "", r"sweeps\.tuning\.trials is missing\."),
}


def load(tmp_path: Path, *edits: tuple[str, str], base: str = TEXT) -> params.Params:
    text = base + SWEEP
    for old, new in edits:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return params.load(path)


@pytest.mark.parametrize("case", INVALID)
def test_an_invalid_sweep_is_refused_in_one_sentence(case: str, tmp_path: Path) -> None:
    old, new, message = INVALID[case]
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, (old, new))
    assert "\n" not in str(error.value)


def test_the_message_has_the_line_of_a_key_with_a_dot(tmp_path: Path) -> None:
    with pytest.raises(UserError) as error:
        load(tmp_path, (UNITS, f"{UNITS}\n      optimizer.clip_norm: {{low: -1, high: 1}}"))
    lines = (tmp_path / "params.yaml").read_text(encoding="utf-8").split("\n")
    (number,) = re.findall(r"params\.yaml:(\d+): ", str(error.value))
    assert lines[int(number) - 1].strip().startswith("optimizer.clip_norm")


def test_a_value_must_agree_with_the_model_that_it_starts_from(tmp_path: Path) -> None:
    template = PATH.parent / "templates" / "tweeteval-emotion.yaml"
    text = re.sub(r"(?ms)^sweeps:.*?(?=^\S|\Z)", "", template.read_text(encoding="utf-8"))
    edit = ("model: opinions-lstm\n", "model: emotion-from-lm\n")
    with pytest.raises(UserError, match=r"may have units: 32: .*emotion-from-lm\.units is 32, but"):
        load(tmp_path, edit, base=text)


def test_parameters_file_without_sweeps_has_none(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(TEXT, encoding="utf-8")
    assert params.load(path).sweeps == {}


def test_the_space_has_the_types_of_the_model(tmp_path: Path) -> None:
    lines = (
        *("units: {low: 32, high: 64, step: 8}", "dropout: {low: 0, high: 0.3, step: 0.1}"),
        *("optimizer.clip_norm: {low: 1, high: 8, log: true}", "word_dropout: [null, 0.1]"),
        "bidirectional: [true, false]",
    )
    config = load(tmp_path, (UNITS, "\n      ".join(lines)))
    sweep = config.sweeps["tuning"]
    entry = config.models[sweep.model]
    space = sweeps.search_space(sweep, entry)
    assert space == {
        "units": NumericRange(32, 64, False, 8, True),
        "dropout": NumericRange(0.0, 0.3, False, 0.1, False),
        "optimizer.clip_norm": NumericRange(1.0, 8.0, True, None, False),
        "word_dropout": (None, 0.1),
        "bidirectional": (True, False),
    }
    units: Any = space["units"]
    assert isinstance(units.low, int)
    start = sweeps.starting_values(sweep, entry)
    assert start["units"] == 100
    assert start["optimizer.clip_norm"] == 1.0
    assert start["word_dropout"] is None


def test_the_choices_of_a_section_or_of_a_list(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        ("model: opinions-lstm\n    par", "model: opinions-mlp\n    par"),
        (UNITS, "hidden: [[], [256, 128]]"),
    )
    sweep = config.sweeps["tuning"]
    space = sweeps.search_space(sweep, config.models[sweep.model])
    assert space == {"hidden": ([], [256, 128])}


def test_a_trial_is_one_model_and_the_confirmation_a_group_of_seeds() -> None:
    tree = {"units": 8, "seeds": [1, 2], "optimizer": {"name": "adam", "clip_norm": 1.0}}
    values = {"units": 9, "optimizer.clip_norm": 2.0}
    optimizer = {"name": "adam", "clip_norm": 2.0}
    trial = sweeps.changed(tree, sweeps.trial_values(values))
    assert trial == {"units": 9, "optimizer": optimizer}
    group = sweeps.changed(tree, sweeps.confirmation_values(values, (11, 12)))
    assert group == {"units": 9, "seeds": [11, 12], "optimizer": optimizer}
    assert tree["optimizer"] == {"name": "adam", "clip_norm": 1.0}


@pytest.mark.parametrize(
    ("model", "metrics"),
    [
        ("opinions-lstm", ["valid_macro_f1", "valid_loss"]),
        ("verses-fixed", ["valid_bleu", "valid_loss"]),
        ("dates-fixed", ["valid_exact_match", "valid_loss"]),
        ("shakespeare-lstm", ["valid_loss"]),
    ],
)
def test_the_metrics_of_a_model(model: str, metrics: list[str]) -> None:
    config = params.load(PATH)
    entry = config.models[model]
    assert sweeps.metrics_of(entry, config.corpora[entry.corpus]) == metrics
    assert [sweeps.direction_of(metric) for metric in metrics][-1] == "lower"
