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
        "    adding: {",
        "    subtracting: {",
        r"subtracting is not a valid key; .*adding, copy",
    ),
    "decreasing lags": ("[10, 25, 50,", "[10, 50, 25,", r"'lags' must be in increasing order"),
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
    "no steps": ("steps: 1500", "steps: 0", r"long_memory.copying.steps is 0: it must be greater"),
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


def test_experiments_may_be_empty(tmp_path: Path) -> None:
    stages = ("gradient_flow", "long_memory", "word_order", "source_length")
    empty = "".join(f"  {key}: {{}}\n" for key in ("cells", *stages))
    assert loaded(tmp_path, empty).long_memory == {}


def test_experiments_on_cells_need_cells(tmp_path: Path) -> None:
    cells, key, rest = EXPERIMENTS.partition("\n  gradient_flow:")
    assert "tanh" in cells
    with pytest.raises(UserError, match=r"experiments.gradient_flow needs .*'experiments\.cells"):
        loaded(tmp_path, f"  cells: {{}}{key}{rest}")
