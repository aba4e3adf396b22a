"""Plots: reproducible bytes, valid SVG, and text that is shown unchanged."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipelines.reporting import plots
from pipelines.reporting.learning_curves import LossUnit, make_curves

SPECIAL_TOKENS = ["$x_1$", "<script>", "a&b", " ", "\x07", "地球", "_", "$"]


def attention_map() -> str:
    weights = np.eye(len(SPECIAL_TOKENS))
    return plots.attention_map(weights, SPECIAL_TOKENS, SPECIAL_TOKENS, "a $title$ with <b> and $")


def confusion_matrix() -> str:
    counts = np.array([[500, 20, 0], [30, 4, 20], [0, 0, 0]])
    return plots.confusion_matrix(counts, ["negative", "neutral", "$_"], "opinions")


def learning_curves() -> str:
    long = pd.DataFrame({"epoch": [1, 2], "tokens": [1000, 2000], "valid_loss": [3.0, 2.0]})
    point = pd.DataFrame({"epoch": [0], "tokens": [5_000_000], "valid_loss": [2.5]})
    curves = make_curves("shakespeare-rnn", long, np.linspace(4, 2, 100))
    curves += make_curves("markov", point, np.zeros(0))
    return plots.learning_curves(curves, LossUnit("bits per character", np.log(2)), "one $")


def reliability_diagram() -> str:
    counts, confidence = np.array([0, 10, 30]), np.array([0.0, 0.5, 0.9])
    accuracy = np.array([0.0, 0.4, 0.8])
    return plots.reliability_diagram(counts, confidence, accuracy, "a <b> of $")


def score_by_length() -> str:
    return plots.score_by_length("source tokens", "BLEU", [5, 12], [1400, 7], [30.0, 20.5], "a $")


def gradient_norms(steps: int = 3000, clip: float = 1.0) -> str:
    norms = np.random.default_rng(1).uniform(0.1, 2.0, steps)
    return plots.gradient_norms(norms, clip, "a $")


def texts(svg: str) -> list[str]:
    elements = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()) for element in elements]


PLOTS = [
    attention_map,
    confusion_matrix,
    learning_curves,
    reliability_diagram,
    score_by_length,
    gradient_norms,
]


@pytest.mark.parametrize("draw", PLOTS)
def test_the_same_numbers_give_the_same_bytes_without_a_date(draw: Callable[[], str]) -> None:
    svg = draw()
    assert draw() == svg
    assert "<dc:date>" not in svg
    assert "Matplotlib" not in svg  # its version would change the bytes


def test_tokens_are_shown_unchanged() -> None:
    labels = texts(attention_map())
    for token in ["$x_1$", "<script>", "a&b", "␣", "·", "地球", "_", "$"]:
        assert labels.count(token) == 2
    assert "a $title$ with <b> and $" in labels


def test_a_confusion_matrix_shows_counts_and_percentages_of_the_true_label() -> None:
    labels = " ".join(texts(confusion_matrix()))
    assert "500" in labels
    assert "96%" in labels  # 500 of 520
    assert "nan" not in labels


def test_each_length_bucket_shows_its_number_of_items() -> None:
    labels = texts(score_by_length())
    assert {"≤ 5", "1,400", "≤ 12", "7", "BLEU"} <= set(labels)


def test_the_gradient_plot_of_a_long_training_is_as_small_as_that_of_a_short_one() -> None:
    assert len(gradient_norms(60_000)) < 1.5 * len(gradient_norms(600))
    assert "mean of 20 steps" in texts(gradient_norms())
    assert "clipping limit" in texts(gradient_norms())
    assert "each step" in texts(gradient_norms(100))


def test_a_clipping_limit_far_above_all_gradients_is_not_drawn() -> None:
    assert "clipping limit" not in texts(gradient_norms(clip=1e9))


def test_learning_curves_name_every_model_and_shorten_token_counts() -> None:
    labels = texts(learning_curves())
    assert "shakespeare-rnn" in labels
    assert "markov" in labels
    assert "5M" in labels
    assert "loss (bits per character)" in labels


def test_every_cell_of_an_attention_map_has_a_tooltip_at_its_position() -> None:
    weights = np.zeros((2, 3))
    weights[1, 2] = 0.875
    svg = plots.attention_map(weights, ["x", "<y>", "z"], ["a", "b & c"], "map")
    tree = ElementTree.fromstring(svg)
    namespace = "{http://www.w3.org/2000/svg}"
    cells = tree.findall(f".//{namespace}g[@id='{plots.CELLS_ID}']/{namespace}rect")
    assert ["".join(cell.itertext()) for cell in cells] == [
        f"{target} ← {source}: {'0.88' if (target, source) == ('b␣&␣c', 'z') else '0.00'}"
        for target in ("a", "b␣&␣c")
        for source in ("x", "<y>", "z")
    ]
    image = tree.find(f".//{namespace}image")
    assert image is not None
    left, width = float(image.attrib["x"]), float(image.attrib["width"])
    cell = {side: float(cells[-1].attrib[side]) for side in ("x", "y", "width", "height")}
    assert cell["x"] + cell["width"] == pytest.approx(left + width, abs=1.5)
    assert cell["width"] == pytest.approx(width / 3, abs=1)
