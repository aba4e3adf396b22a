"""Paragraphs under the figures on trained models say what the figures show, whatever that is."""

from typing import Any

import pandas as pd
import pytest
import yaml

from pipelines.config import params
from pipelines.reporting import experiment_plots, model_figures
from pipelines.reporting.experiment_figure import ExperimentFigure, TableSource
from tests.unit.config.shipped import TEXT
from tests.unit.reporting.experiment_tables import ANSWERS, source_lengths, word_order_answers

TREE: dict[str, Any] = yaml.safe_load(TEXT)
SOURCE = TableSource("stage", "path", "md5")
PAIR = params.SourceLength(fixed="verses-fixed", attention="verses-attention", buckets=3)
ENTRY = params.WordOrder.model_validate(
    TREE["experiments"]["word_order"]["opinions"] | {"bag_of_words": "opinions-perceptron"}
)


def word_order(**answers: Any) -> ExperimentFigure:
    changed = ANSWERS | {name.replace("_", "-"): both for name, both in answers.items()}
    return model_figures.word_order("opinions", ENTRY, word_order_answers(changed), SOURCE)


def test_a_model_that_ignores_word_order() -> None:
    figure = word_order()
    text = " ".join(figure.explanation)
    assert "Natural pairs: 2 pairs of sentences with opposite labels" in text
    assert "opinions-lstm is right for 2 of 4 texts, and no model of word counts for more" in text
    assert (
        'Of "so good" and "good so", opinions-perceptron calls both negative, of which one is '
        "right; opinions-positions calls both negative, of which one is right; 3-grams calls both "
        "negative, of which one is right; opinions-lstm calls both negative, of which one is "
        "right." in text
    )
    assert "in 2 test texts, the strongest words" in text
    assert (
        "different answers: opinions-perceptron 0%, opinions-positions 0%, 3-grams 100%, "
        "opinions-lstm 50%." in text
    )
    assert "opinions-lstm reads the whole text, and yet reacts less often than 3-grams." in text


def test_a_model_that_uses_word_order() -> None:
    text = " ".join(word_order(opinions_lstm=("pn", "np", "np", "pn")).explanation)
    assert "opinions-lstm is right for 4 of 4 texts, and no model of word counts for more" in text
    assert "opinions-lstm calls the first positive and the second negative, both rightly." in text
    assert (
        "different answers: opinions-perceptron 0%, opinions-positions 0%, 3-grams 0%, "
        "opinions-lstm 100%." in text
    )
    assert "reacts less often" not in text


def test_a_model_that_is_always_wrong() -> None:
    text = " ".join(word_order(opinions_lstm=("np", "pn", "nn", "pp")).explanation)
    assert "opinions-lstm is right for 0 of 4 texts" in text
    assert "opinions-lstm calls the first negative and the second positive, both wrongly." in text


def test_shifted_texts_are_described_by_the_position_fixed_and_the_recurrent_model() -> None:
    shift = params.ShiftedTexts(words="on Monday", texts=2)
    answers = {**ANSWERS, "opinions-positions": ("pn", "nn", "nn", "pp")}
    shifted = word_order_answers(answers)
    shifted = shifted[shifted["pairs"] == "natural"].assign(pairs="shifted")
    shifted["exchanged_label"] = shifted["label"]
    table = pd.concat([word_order_answers(), shifted])
    entry = ENTRY.model_copy(update={"shift": shift})
    text = " ".join(model_figures.word_order("opinions", entry, table, SOURCE).explanation)
    assert 'Shifted texts: 2 test texts, once followed and once preceded by "on Monday".' in text
    assert (
        "when the words come first instead of last: opinions-positions falls from 100% to 50%, "
        "opinions-lstm stays at 50%." in text
    )


def test_the_table_begins_with_the_first_pair_and_then_different_answers() -> None:
    rows = word_order().rows
    assert [row[0] for row in rows] == ["so good", "b", "a long bad", "so bad"]
    assert rows[1][2:] == (
        *["positive → positive"] * 2,
        "positive → negative",
        "positive → positive",
    )


def test_a_panel_for_each_measure() -> None:
    svg = word_order().picture.svg
    for text in ("natural pairs", "exchanged words", "texts with the right answer", ">50%<"):
        assert text in svg


def source_length(changes: Any = None, **scores: Any) -> str:
    tree = yaml.safe_load(TEXT)
    pair = {"cell": "lstm", "bidirectional": True, "epochs": 5}
    for name, attention in (("verses-fixed", "none"), ("verses-attention", "general")):
        tree["models"]["seq2seq"][name] |= pair | {"attention": attention}
    tree["models"]["seq2seq"]["verses-fixed"] |= changes or {}
    tree["models"]["seq2seq"]["verses-fixed"]["optimizer"] = {
        **tree["models"]["seq2seq"]["verses-attention"]["optimizer"],
        **(changes or {}).get("optimizer", {}),
    }
    config = params.Params.model_validate(tree)
    table = source_lengths(**scores)
    return " ".join(model_figures.source_length(config, "verses", PAIR, table, SOURCE).explanation)


def test_a_line_that_falls_and_one_that_rises() -> None:
    text = source_length()
    assert (
        "From the shortest sources to the longest, verses-fixed falls from 7.0 to 4.0; "
        "verses-attention rises from 20.0 to 21.0, highest at 5 to 8 words (22.0)." in text
    )
    assert "The lead of verses-attention over verses-fixed grows from +13.0 to +17.0." in text


def test_the_opposite_lines() -> None:
    text = source_length(fixed=(4.0, 2.0, 7.0), attention=(9.0, 9.5, 9.04))
    assert "verses-fixed rises from 4.0 to 7.0, lowest at 5 to 8 words (2.0);" in text
    assert "verses-attention begins and ends at 9.0, highest at 5 to 8 words (9.5)." in text
    assert "The lead of verses-attention over verses-fixed shrinks from +5.0 to +2.0." in text
    text = source_length(fixed=(5.0, 5.0, 5.0), attention=(4.0, 4.0, 4.0))
    assert "The lead of verses-attention over verses-fixed stays at -1.0." in text


@pytest.mark.parametrize(("longest", "cannot"), [(20, True), (80, False)])
def test_lengths_beside_those_of_the_published_figure(longest: int, cannot: bool) -> None:
    text = source_length(longest=longest)
    assert f"The longest source has {longest} words" in text
    assert ("cannot show what happens to longer sentences" in text) == cannot


def test_every_difference_between_the_models_is_named() -> None:
    assert "In params.yaml they differ in 'attention' only." in source_length()
    changes = {"bidirectional": False, "ensemble_size": 2, "optimizer": {"learning_rate": 0.5}}
    rate = TREE["models"]["seq2seq"]["verses-attention"]["optimizer"]["learning_rate"]
    text = source_length(changes)
    for difference in (
        "'attention' (none, general)",
        "'bidirectional' (false, true)",
        "'ensemble_size' (2, unset)",
        f"'optimizer.learning_rate' (0.5, {rate})",
    ):
        assert difference in text
    assert "so the figure does not show the effect of attention alone." in text
    assert text.count("' (") == 4


def test_the_same_numbers_give_the_same_bytes() -> None:
    shares = {"right": {"natural": {"$one": 0.0, "two": 1.0}}, "different": {"a": {"$one": 0.5}}}
    for draw in (
        lambda: experiment_plots.word_order(shares, "a $title"),
        lambda: experiment_plots.source_length(source_lengths(), "verses"),
    ):
        assert draw() == draw()
