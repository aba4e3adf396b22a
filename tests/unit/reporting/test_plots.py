"""Pictures: stable bytes, valid SVG, and text that is read as it stands."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from pipelines.reporting import diagnostic_plots, plots

ODD = ["$x_1$", "<script>", "a&b", " ", "\x07", "地球", "_", "$"]


def attention() -> str:
    weights = np.eye(len(ODD))
    return plots.attention_map(weights, ODD, ODD, "a $title$ with <b> and $")


def confusion() -> str:
    counts = np.array([[500, 20, 0], [30, 4, 20], [0, 0, 0]])
    return plots.confusion_matrix(counts, ["negative", "neutral", "$_"], "opinions")


def curves() -> str:
    long = pd.DataFrame({"epoch": [1, 2], "tokens": [1000, 2000], "valid_loss": [3.0, 2.0]})
    point = pd.DataFrame({"epoch": [0], "tokens": [5_000_000], "valid_loss": [2.5]})
    return plots.learning_curves({"shakespeare-rnn": long, "markov": point}, "one $")


def calibration() -> str:
    counts, confidence = np.array([0, 10, 30]), np.array([0.0, 0.5, 0.9])
    return diagnostic_plots.calibration(counts, confidence, np.array([0.0, 0.4, 0.8]), "a <b> of $")


def lengths() -> str:
    return diagnostic_plots.by_length(
        "source tokens", "BLEU", [5, 12], [1400, 7], [30.0, 20.5], "a $"
    )


def norms(steps: int = 3000, clip: float = 1.0) -> str:
    sizes = np.random.default_rng(1).uniform(0.1, 2.0, steps)
    return diagnostic_plots.gradient_norms(sizes, clip, "a $")


def texts(svg: str) -> list[str]:
    elements = ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    return ["".join(element.itertext()) for element in elements]


@pytest.mark.parametrize("draw", [attention, confusion, curves, calibration, lengths, norms])
def test_the_same_numbers_give_the_same_bytes_and_no_date(draw: Callable[[], str]) -> None:
    first = draw()
    assert draw() == first
    assert "<dc:date>" not in first
    assert "Matplotlib" not in first  # its version would change the bytes


def test_tokens_are_written_as_they_stand() -> None:
    said = texts(attention())
    visible = ["$x_1$", "<script>", "a&b", "␣", "·", "地球", "_", "$"]
    for token in visible:
        assert said.count(token) == 2
    assert "a $title$ with <b> and $" in said


def test_a_confusion_matrix_shows_counts_and_shares_of_the_true_label() -> None:
    said = " ".join(texts(confusion()))
    assert "500" in said
    assert "96%" in said  # 500 of 520
    assert "nan" not in said


def test_each_bucket_of_lengths_has_its_number_of_items() -> None:
    said = texts(lengths())
    assert {"≤ 5", "1,400", "≤ 12", "7", "BLEU"} <= set(said)


def test_gradients_of_a_long_training_take_no_more_room_than_those_of_a_short_one() -> None:
    assert len(norms(60_000)) < 1.5 * len(norms(600))
    assert "mean of 20 steps" in texts(norms())
    assert "clipped above" in texts(norms())
    assert "each step" in texts(norms(100))


def test_a_limit_that_no_gradient_comes_near_is_not_drawn() -> None:
    assert "clipped above" not in texts(norms(clip=1e9))


def test_every_model_has_a_line_and_tokens_are_short_numbers() -> None:
    said = texts(curves())
    assert "shakespeare-rnn" in said
    assert "markov" in said
    assert "5M" in said


def test_every_cell_of_a_map_has_words_where_it_is_drawn() -> None:
    """The rectangle of the darkest cell holds the middle of the tick of its row and column."""
    weights = np.zeros((2, 3))
    weights[1, 2] = 0.875
    svg = plots.attention_map(weights, ["x", "<y>", "z"], ["a", "b & c"], "map")
    tree = ElementTree.fromstring(svg)
    space = "{http://www.w3.org/2000/svg}"
    cells = tree.findall(f".//{space}g[@id='{plots.CELLS}']/{space}rect")
    words = ["".join(cell.itertext()) for cell in cells]
    assert words == [
        f"{target} ← {source}: {'0.88' if (target, source) == ('b␣&␣c', 'z') else '0.00'}"
        for target in ("a", "b␣&␣c")
        for source in ("x", "<y>", "z")
    ]
    image = tree.find(f".//{space}image")
    assert image is not None
    left, wide = float(image.attrib["x"]), float(image.attrib["width"])
    last = {side: float(cells[-1].attrib[side]) for side in ("x", "y", "width", "height")}
    assert last["x"] + last["width"] == pytest.approx(left + wide, abs=1.5)
    assert last["width"] == pytest.approx(wide / 3, abs=1)
