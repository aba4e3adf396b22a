"""Error messages about the keys of the experiments."""

from pathlib import Path

import pytest

from pipelines.config import params
from pipelines.errors import UserError
from tests.unit.config.shipped import TEXT

HEAD, _, REST = TEXT.partition("\nexperiments:\n")
EXPERIMENTS, GOALS, _ = REST.partition("\ngoals: []\n")
VERSES = "verses: {fixed: verses-fixed, attention: verses-attention, buckets: 6}"
# By a name for the case: text of the shipped section, its replacement, and the error message.
INVALID = {
    "forget bias of a cell without a gate": (
        "gru: {cell: gru}",
        "gru: {cell: gru, forget_bias: 1.0}",
        r"experiments.cells.gru: 'forget_bias' has no effect with 'cell: gru'",
    ),
    "an unknown cell": ("{cell: gru}", "{cell: qrnn}", r"cells.gru.cell is 'qrnn'; .* known:"),
    "an unknown task": (
        "    adding:\n",
        "    subtracting:\n",
        r"subtracting is not a valid key; .*adding, copy",
    ),
    "unknown examples": (
        "    xor:",
        "    and:",
        r"experiments.backpropagation.and is not a valid key; .*xor, circles",
    ),
    "an unknown activation": (
        "activation: tanh",
        "activation: tan",
        r"backpropagation.xor.activation is 'tan'; .*tanh",
    ),
    "decreasing lags": ("[10, 40]", "[10, 40, 20]", r"'lags' must be in increasing order"),
    "decreasing rates": ("[0.003, 0.01,", "[0.01, 0.003,", r"'learning_rates' must be in incr"),
    "unordered truncation": (
        "[1, 5, 20, full]",
        "[full, 5, 20]",
        r"'bptt_steps' must be in increasing order, with 'full' at the end",
    ),
    "a threshold that half a memory passes": (
        "threshold: 0.1",
        "threshold: 0.5",
        r"memory.adding.threshold is 0.5: it must be less than or equal to 0.1",
    ),
    "an unknown cell of a task": (
        "cells: [tanh-orthogonal, lstm-forget-1]",
        "cells: [tanh-ortogonal, lstm-forget-1]",
        r"memory.recall.cells: there is no cell 'tanh-ortogonal'; did you mean 'tanh-orthogonal'",
    ),
    "copying without symbols": ("symbols: 2", "", r"memory.copying needs 'symbols'"),
    "adding with symbols": (
        "lags: [10, 40]",
        "symbols: 3\n      lags: [10, 40]",
        r"memory.adding has no 'symbols'",
    ),
    "an identity matrix for gates": (
        "gru: {cell: gru}",
        "gru: {cell: gru, recurrent_initializer: identity}",
        r"'recurrent_initializer: identity' needs 'cell: rnn' or 'cell: irnn', not 'cell: gru'",
    ),
    "an unknown corpus": (
        f"    {VERSES}",
        f"    {VERSES.replace('verses:', 'verse:')}",
        r"experiments.source_length.verse: .*'verse'; did you mean 'verses'",
    ),
    "a model of another corpus": (
        "fixed: verses-fixed",
        "fixed: dates-fixed",
        r"source_length.verses.fixed: .*'verses' has no seq2seq model 'dates-fixed'",
    ),
    "a fixed model with attention": (
        "fixed: verses-fixed",
        "fixed: verses-attention",
        r"source_length.verses: 'fixed' must name a model with 'attention: none'",
    ),
    "a model of another kind": (
        "recurrent: opinions-lstm",
        "recurrent: opinions-perceptron",
        r"word_order.opinions.recurrent: .*no classifier model .*known: opinions-rnn, opinions-lst",
    ),
    "a model of n-grams as a bag of words": (
        "bag_of_words: opinions-perceptron",
        "bag_of_words: opinions-logistic",
        r"word_order.opinions.bag_of_words: 'opinions-logistic' has 'ngrams: 2'.*'ngrams: 1'",
    ),
    "positions as a bag of words": (
        "bag_of_words: contrasts-perceptron",
        "bag_of_words: contrasts-positions",
        r"word_order.contrasts.bag_of_words: 'contrasts-positions' has 'positions', which depend",
    ),
    "a bag of words as positions": (
        "positions: contrasts-positions",
        "positions: contrasts-perceptron",
        r"word_order.contrasts.positions: 'contrasts-perceptron' counts words. Name a model with",
    ),
    "no positions": ("      positions: opinions-positions\n", "", r"opinions.positions is missing"),
    "a shift by nothing": (
        "{words: on Monday,",
        "{words: ' ',",
        r"word_order.contrasts.shift.words is ' ': it must",
    ),
    "an unknown label": (
        "labels: [negative, positive]",
        "labels: [bad, positive]",
        r"word_order.opinions.exchange.labels: .*no label 'bad'; known: negative, neutral",
    ),
    "equal labels": (
        "labels: [negative, positive]",
        "labels: [positive, positive]",
        r"word_order.opinions.exchange.labels must be two different labels",
    ),
    "pairs outside texts": (
        "minimal_pairs: texts/",
        "minimal_pairs: pairs/",
        r"word_order.contrasts.minimal_pairs is 'pairs/minimal_pairs.tsv': it must match \^texts/",
    ),
    "no steps": (" steps: 500", " steps: 0", r"memory.adding.steps is 0: it must be greater"),
    "an unknown key": ("order: 3", "orders: 3", r"contrasts.orders is not a valid key.*'order'"),
}


def loaded(folder: Path, experiments: str) -> params.Experiments:
    path = folder / "params.yaml"
    path.write_text(f"{HEAD}\nexperiments:\n{experiments}{GOALS}", encoding="utf-8")
    return params.load(path).experiments


@pytest.mark.parametrize(("valid", "invalid", "message"), INVALID.values(), ids=INVALID)
def test_invalid_values(tmp_path: Path, valid: str, invalid: str, message: str) -> None:
    assert valid in EXPERIMENTS
    with pytest.raises(UserError, match=message):
        loaded(tmp_path, EXPERIMENTS.replace(valid, invalid, 1))


def test_logistic_regression_on_words_is_a_bag_of_words(tmp_path: Path) -> None:
    name = "opinions-logistic"
    text = EXPERIMENTS.replace("bag_of_words: opinions-perceptron", f"bag_of_words: {name}")
    path = tmp_path / "params.yaml"
    path.write_text(TEXT.replace(EXPERIMENTS, text).replace("ngrams: 2", "ngrams: 1"), "utf-8")
    assert params.load(path).experiments.word_order["opinions"].bag_of_words == name


def test_experiments_may_be_empty(tmp_path: Path) -> None:
    stages = ("backpropagation", "memory", "word_order", "source_length")
    empty = "".join(f"  {key}: {{}}\n" for key in ("cells", *stages))
    assert loaded(tmp_path, empty).memory == {}


def test_experiments_on_cells_need_cells(tmp_path: Path) -> None:
    cells, key, rest = EXPERIMENTS.partition("\n  backpropagation:")
    assert "tanh" in cells
    with pytest.raises(UserError, match=r"experiments.memory.adding needs .*'experiments\.cells"):
        loaded(tmp_path, f"  cells: {{}}{key}{rest}")
