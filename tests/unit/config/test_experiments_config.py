"""Keys of the experiments: what they name must be there, in one sentence where it is not."""

from pathlib import Path

import pytest

from pipelines.config import params
from pipelines.errors import UserError

TEXT = (Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8")
HEAD, _, REST = TEXT.partition("\nexperiments:\n")
LABORATORY, MERGED, MODELS = REST.partition("\n# What the models are to reach")
VERSES = "verses: {fixed: verses-fixed, attention: verses-attention, buckets: 6}"
# Each is one edit of the section as it is shipped.
REFUSED = {
    "forget bias of a cell without a gate": (
        "gru: {cell: gru}",
        "gru: {cell: gru, forget_bias: 1.0}",
        r"experiments.cells.gru: 'forget_bias' means nothing with 'cell: gru': take it out",
    ),
    "a cell that is none": ("{cell: gru}", "{cell: qrnn}", r"cells.gru.cell is 'qrnn'; .* known:"),
    "a task that is none": (
        "    adding: {",
        "    subtracting: {",
        r"'subtracting'; .*adding, copy",
    ),
    "lags that fall": ("[10, 25, 50,", "[10, 50, 25,", r"'lags' must rise from each to the next"),
    "a corpus that is not there": (
        f"    {VERSES}",
        f"    {VERSES.replace('verses:', 'verse:')}",
        r"experiments.source_length.verse: no corpus is called 'verse'; did you mean 'verses'",
    ),
    "a model of another corpus": (
        "fixed: verses-fixed",
        "fixed: dates-fixed",
        r"source_length.verses.fixed: no model of its kind and of 'verses' is called 'dates-fixed'",
    ),
    "attention in the place of none": (
        "fixed: verses-fixed",
        "fixed: verses-attention",
        r"source_length.verses: 'fixed' names a model with 'attention: none'",
    ),
    "a model of another kind": (
        "recurrent: opinions-lstm",
        "recurrent: opinions-perceptron",
        r"word_order.opinions.recurrent: no model of its kind .* known: opinions-rnn, opinions-lst",
    ),
    "a label that is none": (
        "opposites: [negative, positive]",
        "opposites: [bad, positive]",
        r"word_order.opinions.opposites: no label is called 'bad'; known: negative, neutral",
    ),
    "one label twice": (
        "opposites: [negative, positive]",
        "opposites: [positive, positive]",
        r"word_order.opinions.opposites are two labels, not 'positive' twice",
    ),
    "no unit": ("steps: 1500", "steps: 0", r"long_memory.copying.steps is 0: it must be greater"),
    "an unknown key": ("order: 3", "orders: 3", r"opinions.orders is not a valid key.*'order'"),
}


def loaded(folder: Path, experiments: str) -> params.Experiments:
    path = folder / "params.yaml"
    path.write_text(f"{HEAD}\nexperiments:\n{experiments}{MERGED}{MODELS}", encoding="utf-8")
    return params.load(path).experiments


@pytest.mark.parametrize(("old", "new", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_is_one_sentence(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in LABORATORY
    with pytest.raises(UserError, match=said):
        loaded(tmp_path, LABORATORY.replace(old, new, 1))


def test_an_empty_experiments_is_sound(tmp_path: Path) -> None:
    stages = ("gradient_flow", "long_memory", "word_order", "source_length")
    empty = "".join(f"  {key}: {{}}\n" for key in ("cells", *stages))
    assert loaded(tmp_path, empty).long_memory == {}


def test_experiments_on_cells_need_cells(tmp_path: Path) -> None:
    cells, found, rest = LABORATORY.partition("\n  gradient_flow:")
    assert "tanh" in cells
    with pytest.raises(
        UserError, match=r"experiments.gradient_flow compares cells: give 'experiments.cells"
    ):
        loaded(tmp_path, f"  cells: {{}}{found}{rest}")
