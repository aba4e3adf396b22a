"""Texts of the memory figures: tables with opposite outcomes give opposite sentences."""

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.experiments import tables
from pipelines.reporting import cell_figures, cell_outcomes, cell_plots
from pipelines.reporting.cell_outcomes import Outcome
from pipelines.reporting.experiment_figure import TableSource

CELLS = {
    "tanh-random": params.CellConfig(cell="rnn", recurrent_initializer="glorot_uniform"),
    "tanh-orthogonal": params.CellConfig(cell="rnn"),
    "relu-random": params.CellConfig(cell="irnn", recurrent_initializer="glorot_uniform"),
    "relu-identity": params.CellConfig(cell="irnn"),
    "gru": params.CellConfig(cell="gru"),
    "lstm-forget-0": params.CellConfig(cell="lstm", forget_bias=0.0),
    "lstm-forget-1": params.CellConfig(cell="lstm", forget_bias=1.0),
}
SOURCE = TableSource("memory@adding", "experiments/memory/adding.csv", "0" * 32)
LEARNT, HALF, FAILED = (0.02, 0.03, 0.04), (0.4, 0.5, 0.6), (0.98, 1.0, 1.03)
DIVERGED = (np.nan, np.nan, np.nan)


def entry(**options):
    defaults = {"lags": (10,), "bptt_steps": ("full",), "learning_rates": (0.003, 0.01, 0.03)}
    training = {"seeds": 3, "units": 4, "batch_size": 4, "steps": 5, "clip_norm": 1.0}
    return params.Memory(**(defaults | training | {"threshold": 0.1} | options))


def memory_table(errors, condition="lag", recalled=False, rate=0.01):
    """Rows of the chosen learning rate; an error is a fraction of that without memory."""
    rows = []
    for (cell, value), seeds in errors.items():
        for seed, error in enumerate(seeds, 1):
            loss, share = error / 6, np.nan
            if recalled:
                share = 1 - error * 7 / 8
            lag, steps = (value, "full") if condition == "lag" else (10, value)
            rows.append((cell, steps, lag, rate, seed, loss, loss, 1 / 6, share, True))
            rows.append((cell, steps, lag, 0.5, seed, 9.0, 9.0, 1 / 6, share, False))
    return pd.DataFrame(rows, columns=list(tables.MEMORY))


def text(name, table, **options):
    figure = cell_figures.memory(CELLS, name, entry(**options), table, SOURCE)
    assert figure.picture.svg.startswith("<?xml")
    return " ".join(figure.explanation), figure


def test_each_cell_is_listed_by_its_outcome():
    errors = {
        ("gru", 10): LEARNT,
        ("relu-random", 10): (0.05, 0.2, 0.3),
        ("relu-identity", 10): HALF,
        ("tanh-random", 10): FAILED,
        ("lstm-forget-1", 10): DIVERGED,
    }
    paragraphs, _ = text("adding", memory_table(errors))
    assert "learnt with every seed: gru 3.0% (2.0% to 4.0%);" in paragraphs
    assert "learnt with some seeds: relu-random 20% (5.0% to 30%);" in paragraphs
    assert "but not learnt: relu-identity 50% (40% to 60%);" in paragraphs
    lost = "hardly or no better than without memory: tanh-random 100% (98% to 103%)"
    assert f"{lost}, lstm-forget-1 diverged (diverged to diverged)." in paragraphs
    paragraphs, _ = text("adding", memory_table({("gru", 10): FAILED, ("tanh-random", 10): LEARNT}))
    assert "learnt with every seed: tanh-random" in paragraphs
    assert "hardly or no better than without memory: gru" in paragraphs


def test_half_of_the_error_is_not_learnt_and_the_lag_is_defined():
    paragraphs, _ = text("adding", memory_table({("gru", 10): (0.45, 0.48, 0.49)}))
    assert "but not learnt: gru" in paragraphs
    assert "remembering only the second number leaves half" in paragraphs
    assert "between half a lag and a lag back" in paragraphs


def test_copying_reports_the_share_of_recalled_symbols():
    errors = {("gru", 10): (0.0, 0.04, 0.08), ("tanh-random", 10): FAILED}
    paragraphs, figure = text("copying", memory_table(errors, recalled=True), symbols=3)
    assert "reads 3 symbols of eight kinds" in paragraphs
    assert "recalls more than 91% of the symbols" in paragraphs
    assert "learnt with every seed: gru 96% (93% to 100%);" in paragraphs
    assert "hardly or no better than without memory: tanh-random 12% (10% to 14%)." in paragraphs
    assert "symbols recalled" in figure.picture.svg


def cure_errors(changed, reference):
    """All changed cells of a cure have some errors, and the cells they are compared with others."""
    better = ("relu-random", "relu-identity", "gru", "lstm-forget-1")
    return {(cell, 10): changed if cell in better else reference for cell in CELLS}


def test_cures_that_help_hurt_and_do_nothing():
    helps, figure = text("adding", memory_table(cure_errors(LEARNT, FAILED)))
    assert "Activation (ReLU in the place of tanh): it helps in every comparison" in helps
    assert "Forget bias (a larger forget bias): it helps in every comparison" in helps
    assert "it helps in some comparisons and hurts in none (of 3: better in 2, neither" in helps
    assert figure.header == ("cure", "cell", "compared with", "lag 10")
    assert ("activation", "relu-random", "tanh-random", "lower error") in figure.rows
    assert ("gates", "gru", "tanh-orthogonal", "lower error") in figure.rows
    assert ("initialisation", "relu-identity", "relu-random", "both learn") in figure.rows
    assert ("initialisation", "tanh-orthogonal", "tanh-random", "neither learns") in figure.rows
    hurts, figure = text("adding", memory_table(cure_errors(FAILED, LEARNT)))
    assert "Activation (ReLU in the place of tanh): it hurts in every comparison" in hurts
    assert "Gates (gates, on top of an orthogonal matrix): it hurts in some comparisons" in hurts
    assert ("forget bias", "lstm-forget-1", "lstm-forget-0", "higher error") in figure.rows
    for errors in (FAILED, LEARNT, HALF):
        nothing, _ = text("adding", memory_table(cure_errors(errors, errors)))
        assert nothing.count("it makes no clear difference") == 4
        assert "helps" not in nothing
    mixed = cure_errors(LEARNT, HALF) | {("lstm-forget-0", 10): FAILED}
    paragraphs, _ = text("adding", memory_table(mixed))
    assert "it helps in some comparisons and hurts in others" in paragraphs


def test_only_pairs_that_differ_in_one_thing_are_compared():
    pairs = {(cure.cell, cure.reference): cure.name for cure in cell_outcomes.cures(CELLS)}
    assert pairs == {
        ("relu-random", "tanh-random"): "activation",
        ("tanh-orthogonal", "tanh-random"): "initialisation",
        ("relu-identity", "relu-random"): "initialisation",
        ("gru", "tanh-orthogonal"): "gates",
        ("lstm-forget-0", "tanh-orthogonal"): "gates",
        ("lstm-forget-1", "tanh-orthogonal"): "gates",
        ("lstm-forget-1", "lstm-forget-0"): "forget bias",
    }


def test_overlapping_seeds_are_no_difference():
    better, other = Outcome((0.02, 0.2, 0.5), 0.1), Outcome((0.4, 0.5, 0.6), 0.1)
    assert cell_outcomes.compare(better, other) == "overlap"
    assert cell_outcomes.compare(better, Outcome((0.6, 0.7, 0.8), 0.1)) == "better"


def truncation(errors):
    table = memory_table(errors, "bptt_steps", recalled=True)
    return text("recall", table, bptt_steps=(1, 5, 20, "full"))[0]


def test_truncation_says_which_lengths_are_enough():
    outcomes = {1: FAILED, 5: FAILED, 20: HALF, "full": LEARNT}
    errors = {("gru", length): part for length, part in outcomes.items()}
    paragraphs = truncation(errors)
    assert "gru learns with every seed without truncation, and is better than" in paragraphs
    assert "than without memory with 20 steps." in paragraphs
    assert "No cell learns it with a cut within the 10 steps to the symbol" in paragraphs
    paragraphs = truncation(errors | {("gru", 5): LEARNT, ("gru", "full"): FAILED})
    assert "gru learns with every seed with 5 steps" in paragraphs
    assert "gru (5) learnt it although no gradient passes from the answer back" in paragraphs
    assert "No cell learns it" not in paragraphs
    paragraphs = truncation(dict.fromkeys(errors, FAILED))
    assert "gru learns with every seed at no length." in paragraphs


def test_a_cut_after_as_many_steps_as_the_lag_lies_within_it():
    outcomes = {("gru", "10"): Outcome(LEARNT, 0.1), ("gru", "11"): Outcome(LEARNT, 0.1)}
    sentences = cell_figures.truncation_text(outcomes, 10)
    assert "gru (10) learnt it although no gradient passes" in sentences


def test_rates_at_the_ends_of_the_grid_are_named():
    errors = {("gru", 10): LEARNT}
    assert (
        "the highest (0.03) at least once for gru"
        in text("adding", memory_table(errors, rate=0.03))[0]
    )
    assert (
        "the lowest (0.003) at least once for gru"
        in text("adding", memory_table(errors, rate=0.003))[0]
    )
    inner = text("adding", memory_table(errors))[0]
    assert "at least once" not in inner
    assert "might learn the task with more steps" in inner


def test_published_losses_stand_beside_long_lags_only():
    long = memory_table({("gru", 600): LEARNT})
    assert "Bai et al. (2018, table 1)" in text("adding", long, lags=(600,))[0]
    assert "Bai et al." not in text("adding", memory_table({("gru", 10): LEARNT}))[0]


def flow_table(factors, losses):
    """Norms that change by a factor at each of 20 steps, before and after training."""
    parts = [
        pd.DataFrame(
            {
                "cell": cell,
                "seed": seed,
                "test_loss": losses[cell] / 6,
                "baseline": 1 / 6,
                "weights": weights,
                "steps_back": range(21),
                "norm": 3 * factor ** np.arange(21),
            }
        )
        for cell, pair in factors.items()
        for weights, factor in zip(("initial", "trained"), pair, strict=True)
        for seed in (1, 2, 3)
    ]
    return pd.concat(parts, ignore_index=True)


def flow(factors, losses):
    figure = cell_figures.gradient_flow("adding", entry(), flow_table(factors, losses), SOURCE)
    return " ".join(figure.explanation), figure.picture.svg


def test_vanishing_preserved_and_exploding_gradients_are_told_apart():
    factors = {"tanh": (0.5, 1.0), "relu": (1.0, 1.5), "gru": (1.5, 0.5)}
    paragraphs, _ = flow(factors, dict.fromkeys(factors, 0.1))
    initial, _, trained = paragraphs.partition("With trained weights")
    assert "falls below a tenth for tanh (1e-06)" in initial
    assert "stays within a factor of ten for relu (1)" in initial
    assert "rises above tenfold for gru (3.3e+03)" in initial
    assert "falls below a tenth for gru" in trained
    assert "stays within a factor of ten for tanh" in trained
    assert "rises above tenfold for relu" in trained


def test_cells_that_did_not_learn_are_grey_and_named():
    factors = {"tanh": (0.5, 0.5), "gru": (0.5, 0.9)}
    paragraphs, svg = flow(factors, {"tanh": 1.02, "gru": 0.01})
    assert "tanh 1, gru 0.01. Grey: tanh, with at least 90% of it" in paragraphs
    assert "no grey cell has more than a tenth of it" in paragraphs
    assert "the smallest share of a cell that is not grey is 0.12 (gru)." in paragraphs
    assert cell_plots.GREY in svg
    assert "share of the norm at the last state" in svg
    paragraphs, svg = flow(factors, {"tanh": 0.3, "gru": 0.01})
    assert "No line is grey" in paragraphs
    assert "no grey cell" not in paragraphs
    assert "not sufficient: the smallest share of a cell" in paragraphs
    assert cell_plots.GREY not in svg


def test_a_gradient_that_arrives_is_not_sufficient():
    factors = {"relu": (1.0, 1.0), "gru": (0.5, 0.9)}
    paragraphs, _ = flow(factors, {"relu": 1.0, "gru": 0.01})
    assert (
        "more than a tenth of it arrives in relu, too, but is not used; the smallest" in paragraphs
    )
    paragraphs, _ = flow(factors, {"relu": 1.0, "gru": 1.0})
    assert "more than a tenth of it arrives in relu and gru, too, but is not used." in paragraphs


def test_a_diverged_training_is_reported():
    factors = {"relu": (1.0, np.nan), "gru": (0.5, 0.9)}
    paragraphs, _ = flow(factors, {"relu": np.nan, "gru": 0.1})
    assert "relu diverged" in paragraphs
    assert "is not defined, because most seeds diverged, for relu (diverged)" in paragraphs


@pytest.mark.parametrize(("diverged", "median"), [((3,), 0.4), ((2, 3), None)])
def test_the_median_gradient_is_defined_unless_most_seeds_diverged(diverged, median):
    shares = {seed: np.nan if seed in diverged else 0.2 * seed for seed in (1, 2, 3)}
    rows = [
        (seed, step, norm)
        for seed, share in shares.items()
        for step, norm in enumerate((2.0 * share / share, 2.0 * share))
    ]
    curves = pd.DataFrame(rows, columns=["seed", "steps_back", "norm"])
    assert cell_plots.relative_norms(curves)[1] == pytest.approx(median or np.nan, nan_ok=True)


def test_the_median_of_an_even_number_of_seeds_lies_between_the_middle_two():
    assert Outcome((0.8, 0.1, 0.4, 0.2), 0.1).median == pytest.approx(0.3)
    table = flow_table({"gru": (1.0, 1.0)}, {"gru": 0.1})
    pair = table[table["seed"] < 3].assign(test_loss=lambda rows: rows["seed"] * rows["test_loss"])
    assert "gru 0.15." in cell_figures.loss_text(pair, [])


@pytest.mark.parametrize("symbols", [False, True])
def test_the_same_numbers_give_the_same_bytes(symbols):
    outcomes = {("gru", "10"): Outcome((0.1, float("inf")), 0.1)}
    svg = cell_plots.memory(outcomes, {"10": "lag 10"}, symbols)
    assert svg == cell_plots.memory(outcomes, {"10": "lag 10"}, symbols)


def test_the_same_norms_give_the_same_bytes():
    factors = {"tanh": (0.5, 1.0)}
    first, second = (flow(factors, {"tanh": 0.5})[1] for _ in range(2))
    assert first == second
