"""What the tutorial says in words about results, asserted on the results.

Each function is named after a sentence and takes a folder of outs: `docs/tutorial/outs`, or a
project in which the stages have run.
"""

import inspect
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from tests.contract.imports import ROOT

OUTS = ROOT / "docs" / "tutorial" / "outs"


def errors(outs: Path, task: str, lag: int) -> dict[str, pd.Series]:
    """Return the error of each cell as a fraction of that without memory, for all seeds."""
    table = pd.read_csv(outs / f"experiments/memory/{task}.csv")
    rows = table[table["chosen"] & (table["lag"] == lag)]
    return dict(iter((rows["test_loss"] / rows["baseline"]).groupby(rows["cell"])))


def recalled(outs: Path, task: str, column: str, value: object) -> dict[str, pd.Series]:
    """Return the share of symbols that each cell recalls, for all seeds."""
    table = pd.read_csv(outs / f"experiments/memory/{task}.csv")
    rows = table[table["chosen"] & (table[column].astype(str) == str(value))]
    return dict(iter(rows["recalled"].groupby(rows["cell"])))


def arrived(outs: Path, weights: str) -> dict[str, float]:
    """Return the share of the gradient that arrives 39 steps back in adding, median of seeds."""
    table = pd.read_csv(outs / "experiments/gradient_flow/adding.csv")
    norms = table[table["weights"] == weights].set_index(["cell", "seed", "steps_back"])["norm"]
    shares = norms.xs(39, level="steps_back") / norms.xs(0, level="steps_back")
    return dict(shares.groupby(level="cell").median())


# Chapter 1 ----------------------------------------------------------------------------------------


def networks(outs: Path, quantity: str) -> pd.DataFrame:
    """Return a measure of the three networks of XOR, a row for each step."""
    table = pd.read_csv(outs / "experiments/backpropagation/xor.csv")
    rows = table[table["quantity"] == quantity]
    return rows.pivot(index="step", columns="model", values="value")


def two_layers_with_tanh_separate_xor_and_linear_networks_never_do(outs: Path) -> None:
    accuracy = networks(outs, "accuracy")
    assert accuracy["mlp"].iloc[-1] > 0.99
    assert (accuracy[["perceptron", "linear"]] < 0.8).all(axis=None)


def the_loss_of_both_linear_networks_stays_near_log_2(outs: Path) -> None:
    losses = networks(outs, "loss")
    assert losses[["perceptron", "linear"]].iloc[1:].sub(np.log(2)).abs().max(axis=None) < 0.04
    assert losses["mlp"].iloc[-1] < 0.02
    assert (losses["perceptron"].diff() > 0).any()  # the curves go up and down
    assert (losses["linear"].diff() > 0).any()


def borders_of_linear_networks_are_straight_lines(outs: Path) -> None:
    """The logit is linear: its second differences along rows and columns of the grid are 0."""
    table = pd.read_csv(outs / "experiments/backpropagation/xor.csv")
    for model, straight in (("perceptron", True), ("linear", True), ("mlp", False)):
        rows = table[(table["quantity"] == "surface") & (table["model"] == model)]
        surface = rows.pivot(index="x2", columns="x1", values="value").to_numpy()
        logits = np.log(surface / (1 - surface))
        bends = max(np.abs(np.diff(logits, 2, axis=axis)).max() for axis in (0, 1))
        assert (bends < 1e-4) == straight


def gradients_agree_with_gradient_tape_and_central_differences(outs: Path) -> None:
    table = pd.read_csv(outs / "experiments/backpropagation/xor.csv")
    differences = table.groupby("quantity")["value"].max()
    assert differences["tape"] < 1e-12
    assert differences["differences"] < 1e-6


def hidden_layers_add_less_than_one_percentage_point_on_word_counts(outs: Path) -> None:
    mlp, perceptron = (
        json.loads((outs / f"metrics/opinions-{name}.json").read_text())["test_accuracy"]
        for name in ("mlp", "perceptron")
    )
    assert abs(mlp - perceptron) < 0.01


# Chapter 2 ----------------------------------------------------------------------------------------


def word_order(outs: Path) -> pd.DataFrame:
    """Return a row for each kind of pair and classifier: shares of right and of other answers."""
    table = pd.read_csv(outs / "experiments/word_order/contrasts.csv")
    table["first"] = table["before"] == table["label"]
    table["second"] = table["after"] == table["exchanged_label"]
    table["differ"] = table["before"] != table["after"]
    return table.groupby(["pairs", "classifier"])[["first", "second", "differ"]].mean()


def words_in_front_take_the_position_fixed_model_from_nearly_all_to_chance(outs: Path) -> None:
    shares = word_order(outs)
    assert (shares.loc["test", "contrasts-positions"][["first", "second"]] == 1).all()
    shifted = shares.loc["shifted", "contrasts-positions"]
    assert shifted["first"] > 0.95
    assert shifted["second"] < 0.55


def only_the_position_fixed_model_changes_its_answer_to_shifted_texts(outs: Path) -> None:
    differ = word_order(outs).loc["shifted", "differ"]
    assert set(differ.index[differ > 0]) == {"contrasts-positions"}


def the_bag_of_words_is_right_for_half_and_the_lstm_for_all_texts(outs: Path) -> None:
    shares = word_order(outs)[["first", "second"]].mean(axis=1).unstack("pairs")
    assert (shares.loc["contrasts-perceptron"] == 0.5).all()
    assert (shares.loc["contrasts-lstm", ["test", "shifted"]] == 1).all()
    assert shares.loc["3-grams", "test"] < 0.9
    assert (shares["natural"] < 0.6).all()  # no model is right for many more than half


def position_fixed_features_are_worse_than_counts_on_real_text(outs: Path) -> None:
    accuracy = [
        json.loads((outs / f"metrics/opinions-{name}.json").read_text())["test_accuracy"]
        for name in ("positions", "perceptron")
    ]
    assert accuracy[0] < accuracy[1] - 0.05


def each_further_character_of_an_ngram_helps_less(outs: Path) -> None:
    losses = pd.read_csv(outs / "plots/shakespeare-kneser-ney.csv").iloc[-1]
    gains = -np.diff([losses[f"order_{order}_valid_loss"] for order in range(2, 9)]) / np.log(2)
    assert (np.diff(gains) < 0).all()
    assert 0 < gains[-1] < 0.001


def ngrams_are_slightly_better_on_validation_plays_and_the_lstm_on_test_plays(outs: Path) -> None:
    names = ("shakespeare-kneser-ney", "shakespeare-lstm")
    ngrams, lstm = (pd.read_csv(outs / f"plots/{name}.csv")["valid_loss"].min() for name in names)
    assert 0.95 * lstm < ngrams < lstm
    ngrams, lstm = (
        json.loads((outs / f"metrics/{name}.json").read_text())["test_bits_per_character"]
        for name in names
    )
    assert 0.99 * ngrams < lstm < ngrams


# Chapter 3 ----------------------------------------------------------------------------------------


def gradients_vanish_with_initial_weights_in_gated_cells_too(outs: Path) -> None:
    shares = arrived(outs, "initial")
    assert all(shares[cell] < 1e-3 for cell in ("gru", "lstm-forget-0", "lstm-forget-1"))
    assert all(shares[cell] < 0.1 for cell in shares if cell != "relu-identity")


def after_training_gradients_vanish_in_tanh_cells_and_arrive_in_cells_that_learn(
    outs: Path,
) -> None:
    shares, loss = arrived(outs, "trained"), errors(outs, "adding", 40)
    assert shares["tanh-random"] < 1e-6
    assert shares["tanh-orthogonal"] < 1e-6
    learnt = [cell for cell in loss if (loss[cell] < 0.1).all()]
    assert learnt
    assert all(shares[cell] > 0.1 for cell in learnt)


def some_gradients_of_contrasts_lstm_are_several_times_above_the_limit(outs: Path) -> None:
    norms = np.load(outs / "models/contrasts-lstm/gradient-norms.npy")
    assert norms.max() > 3  # the limit is 1
    assert 0.01 < (norms > 1).mean() < 0.2


def tanh_cells_learn_something_of_10_numbers_and_nothing_of_40(outs: Path) -> None:
    short, long = errors(outs, "adding", 10), errors(outs, "adding", 40)
    for cell in ("tanh-random", "tanh-orthogonal"):
        assert short[cell].between(0.1, 0.9).all()
        assert (long[cell] > 0.97).all()


def the_gradient_must_reach_back_as_far_as_the_memory(outs: Path) -> None:
    for steps in (1, 5):
        shares = recalled(outs, "recall", "bptt_steps", steps)
        assert all((share < 0.2).all() for share in shares.values())
    shares = recalled(outs, "recall", "bptt_steps", 20)
    assert (shares["lstm-forget-1"] > 0.95).all()
    assert shares["tanh-orthogonal"].median() > 0.5


def relu_alone_helps(outs: Path) -> None:
    short, long = errors(outs, "adding", 10), errors(outs, "adding", 40)
    assert (short["relu-random"] < 0.1).all()
    assert (short["tanh-random"] >= 0.1).all()
    assert long["relu-random"].max() < long["tanh-random"].min() / 3


def the_identity_helps_relu_and_an_orthogonal_matrix_does_not_help_tanh(outs: Path) -> None:
    shares, long = arrived(outs, "initial"), errors(outs, "adding", 40)
    assert shares["relu-identity"] > 0.5
    assert shares["relu-random"] < 1e-3
    assert long["relu-identity"].max() < long["relu-random"].min()
    assert (long["tanh-orthogonal"] > 0.97).all()


def the_forget_bias_decides_whether_the_lstm_learns_40_numbers(outs: Path) -> None:
    long = errors(outs, "adding", 40)
    assert (long["lstm-forget-1"] < 0.1).all()
    assert (long["lstm-forget-0"] >= 0.1).any()
    assert arrived(outs, "trained")["lstm-forget-1"] > 0.1


def the_gru_is_the_best_at_40_numbers(outs: Path) -> None:
    long = errors(outs, "adding", 40)
    assert all(long["gru"].max() < error.min() for cell, error in long.items() if cell != "gru")


def no_cure_is_the_best_for_every_task(outs: Path) -> None:
    short, long = (recalled(outs, "copying", "lag", lag) for lag in (5, 20))
    assert all((share > 0.2).all() for share in short.values())
    medians = {cell: share.median() for cell, share in long.items()}
    assert max(medians["lstm-forget-0"], medians["lstm-forget-1"]) < 0.2
    assert min(medians["gru"], medians["relu-random"]) > 0.5
    assert medians["relu-identity"] < 0.5
    loss = {cell: error.median() for cell, error in errors(outs, "adding", 40).items()}
    simple = [cell for cell in loss if cell.startswith(("tanh", "relu"))]
    assert min(simple, key=lambda cell: loss[cell]) == "relu-identity"


# Chapter 4 ----------------------------------------------------------------------------------------


def metric(outs: Path, model: str, name: str) -> float:
    """Return a metric of a model on the test split."""
    content = json.loads((outs / f"metrics/{model}.json").read_text(encoding="utf-8"))
    return float(content[f"test_{name}"])


def analysis(outs: Path, model: str) -> dict[str, Any]:
    """Return the analysis of a model on the test split."""
    content: dict[str, Any] = json.loads(
        (outs / f"analyses/{model}.json").read_text(encoding="utf-8")
    )
    return content


def the_lstm_is_better_than_the_rnn_which_is_better_than_the_markov_model(outs: Path) -> None:
    models = ("lstm", "rnn", "markov")
    bits = [metric(outs, f"shakespeare-{model}", "bits_per_character") for model in models]
    assert bits == sorted(bits)


def long_n_grams_are_about_as_good_as_the_lstm(outs: Path) -> None:
    models = ("shakespeare-kneser-ney", "shakespeare-lstm")
    first, second = (metric(outs, model, "bits_per_character") for model in models)
    assert abs(first - second) < 0.1


def the_longest_n_grams_know_seven_characters(outs: Path) -> None:
    assert pd.read_csv(outs / "plots/shakespeare-kneser-ney.csv")["order"].item() == 8


def positive_is_the_most_frequent_label_and_neutral_texts_are_the_hardest(outs: Path) -> None:
    confusion = analysis(outs, "opinions-lstm")["confusion"]
    counts = pd.DataFrame(confusion["counts"], confusion["labels"], confusion["labels"])
    shares = pd.Series(
        {label: counts.loc[label, label] / counts.loc[label].sum() for label in counts}
    )
    assert counts.sum(axis=1).idxmax() == "positive"
    assert shares.idxmin() == "neutral"
    assert shares["neutral"] < 0.5


def word_order_matters_in_contrasts_and_rarely_in_opinions(outs: Path) -> None:
    def lead(corpus: str) -> float:
        models = (f"{corpus}-lstm", f"{corpus}-perceptron")
        lstm, perceptron = (metric(outs, model, "accuracy") for model in models)
        return lstm - perceptron

    assert abs(lead("opinions")) < 0.04
    assert lead("contrasts") > 0.4
    assert abs(metric(outs, "contrasts-perceptron", "accuracy") - 0.5) < 0.02


def pairs_of_translators_differ_in_attention_only(outs: Path) -> None:
    models = params.load(outs / "params.yaml").models
    for corpus in ("dates", "verses"):
        fixed, attention = (
            models[f"{corpus}-{name}"].model_dump() for name in ("fixed", "attention")
        )
        assert {key for key in fixed if fixed[key] != attention[key]} == {"attention"}


def attention_is_better_at_every_length(outs: Path) -> None:
    for corpus in ("dates", "verses"):
        table = pd.read_csv(outs / f"experiments/source_length/{corpus}.csv")
        scores = table.pivot(index="mean", columns="model", values="score")
        assert (scores[f"{corpus}-attention"] > scores[f"{corpus}-fixed"]).all()


def verses_are_short_and_the_shortest_dates_are_the_hardest(outs: Path) -> None:
    assert pd.read_csv(outs / "experiments/source_length/verses.csv")["longest"].max() == 20
    dates = pd.read_csv(outs / "experiments/source_length/dates.csv")
    scores = dates[dates["model"] == "dates-fixed"].set_index("shortest")["score"]
    assert scores.idxmin() == scores.index.min()


def days_look_at_the_day_and_months_at_the_letters_of_the_month(outs: Path) -> None:
    first = analysis(outs, "dates-attention")["attention"][0]
    source, weights = "".join(first["source"]), np.array(first["weights"])
    day, month, _ = source.split()
    assert "".join(first["target"])[-2:] == day
    looked_at = [int(place) for place in weights.argmax(axis=1)]
    assert looked_at[8:] == [0, 1]
    assert all(source[place] in month for place in looked_at[5:7])


def the_weights_of_the_verse_lie_near_the_diagonal(outs: Path) -> None:
    first = analysis(outs, "verses-attention")["attention"][0]
    looked_at = np.array(first["weights"]).argmax(axis=1)
    assert np.corrcoef(looked_at, np.arange(len(looked_at)))[0, 1] > 0.95


# Chapter 5 ----------------------------------------------------------------------------------------


def the_loss_of_contrasts_lstm_stays_at_that_of_a_guess_and_then_falls_to_almost_zero(
    outs: Path,
) -> None:
    losses = np.load(outs / "models/contrasts-lstm/losses.npy")
    assert np.abs(losses[:100] - np.log(2)).max() < 0.05
    assert losses[-100:].mean() < 0.02


# Class --------------------------------------------------------------------------------------------


def three_cures_learn_adding_over_40_steps(outs: Path) -> None:
    def learnt(lag: int) -> set[str]:
        return {cell for cell, loss in errors(outs, "adding", lag).items() if (loss < 0.1).all()}

    assert learnt(40) == {"gru", "lstm-forget-1", "relu-identity"}
    tanh = {"tanh-random", "tanh-orthogonal"}
    assert learnt(10) == set(errors(outs, "adding", 10)) - tanh


def the_perceptron_has_three_weights_for_each_of_10004_inputs(outs: Path) -> None:
    text = (outs / "metrics/opinions-perceptron.json").read_text(encoding="utf-8")
    assert json.loads(text)["parameters"] == 3 * 10_004 + 3


CLAIMS_OF_XOR = [
    two_layers_with_tanh_separate_xor_and_linear_networks_never_do,
    the_loss_of_both_linear_networks_stays_near_log_2,
    borders_of_linear_networks_are_straight_lines,
    gradients_agree_with_gradient_tape_and_central_differences,
]
CLAIMS = [
    function
    for function in vars(sys.modules[__name__]).values()
    if inspect.isfunction(function)
    and list(inspect.signature(function).parameters) == ["outs"]
    and not function.__name__.startswith("test_")
]


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.__name__)
def test_claims_hold_for_the_default_run(claim):
    claim(OUTS)
