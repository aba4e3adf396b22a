"""The chapter of the laboratory: every picture with its table's hash, and what to see in it."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.config import params
from pipelines.errors import UserError
from pipelines.experiments import tables
from pipelines.reporting import experiment_plots as figures
from pipelines.reporting import experiment_section, page

HERE = Path(__file__).resolve().parents[3]
TREE = params.load(HERE / "params.yaml")
LAGS = (10, 25, 50)


def norms() -> pd.DataFrame:
    """tanh halves at each step and diverges without clipping; the other keeps all."""
    parts = []
    for cell, factor in (("tanh", 0.5), ("relu-identity", 1.0)):
        for when in ("start", "clipped", "unclipped"):
            lost = cell == "tanh" and when == "unclipped"
            found = np.full(5, np.nan) if lost else 3 * factor ** np.arange(5)
            loss = np.nan if lost else 0.1
            parts.append(
                pd.DataFrame(
                    {"cell": cell, "when": when, "loss": loss, "lag": range(5), "norm": found}
                )
            )
    return pd.concat(parts)


def memory() -> pd.DataFrame:
    rows = [("gru", lag, 100 * lag, 0.08, 1 / 6, True) for lag in LAGS]
    rows += [("tanh", 10, 1234, 0.01, 1 / 6, True), ("tanh", 25, 5, np.nan, 1 / 6, False)]
    return pd.DataFrame([*rows, ("tanh", 50, 600, 0.15, 1 / 6, False)], columns=tables.MEMORY)


def answers() -> pd.DataFrame:
    """The own pair, a long and a short one of the test split; only the LSTM sees the long one."""
    texts = [("so good", "good so", None), ("a long bad", "bad long a", "x"), ("b", "c", "<i>")]
    rows = [
        (*texts[place], name, "x", "y" if (name, place) == ("opinions-lstm", 1) else "x", 0.5)
        for name in ("opinions-perceptron", "3-grams", "opinions-lstm")
        for place in range(3)
    ]
    return pd.DataFrame(rows, columns=tables.ORDER)


def lengths() -> pd.DataFrame:
    rows = [
        (name, size, size + 1, size + 0.5, 10, "BLEU", score - size / 10)
        for name, score in (("verses-fixed", 7.0), ("verses-attention", 20.0))
        for size in (1, 5, 9)
    ]
    return pd.DataFrame(rows, columns=tables.LENGTHS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the stages wrote, but for two of the experiments in params.yaml."""
    written = {
        "gradient_flow/adding": norms(),
        "long_memory/adding": memory(),
        "word_order/opinions": answers(),
        "source_length/verses": lengths(),
    }
    for name, table in written.items():
        tables.write(table, tmp_path / "laboratory" / f"{name}.csv")
    return tmp_path / "laboratory"


def test_every_exhibit_names_its_stage_its_file_and_its_hash(folder: Path) -> None:
    found = experiment_section.experiment_figures(TREE, folder)
    stages = ["gradient_flow@adding", "long_memory@adding", "word_order@opinions"]
    assert [exhibit.origin.stage for exhibit in found] == [*stages, "source_length@verses"]
    for exhibit in found:
        file = folder.parent / exhibit.origin.path
        assert exhibit.origin.path.startswith("laboratory/")
        assert hashlib.md5(file.read_bytes()).hexdigest() == exhibit.origin.md5
        assert exhibit.picture.svg.startswith("<?xml")
        assert any(paragraph.startswith("What to see") for paragraph in exhibit.see)


def test_the_page_has_the_chapter_and_data_stays_text(folder: Path) -> None:
    html = page.build([], experiment_section.experiment_figures(TREE, folder))
    assert html == page.build([], experiment_section.experiment_figures(TREE, folder))
    assert '<section id="laboratory">' in html
    assert html.count('<p class="origin">') == 4
    assert '<td class="words">x → y</td>' in html
    assert "laboratory" not in page.build([]).partition("<body>")[2]


def said(folder: Path, stage: str) -> str:
    (found,) = [
        one
        for one in experiment_section.experiment_figures(TREE, folder)
        if one.origin.stage == stage
    ]
    return " ".join(found.see)


def test_what_is_left_of_a_gradient_is_said_and_what_diverged(folder: Path) -> None:
    text = said(folder, "gradient_flow@adding")
    assert "What is left after 4 steps" in text
    assert "tanh 6e-02 and 6e-02; relu-identity 1e+00 and 1e+00." in text
    assert "Diverged, and not drawn: tanh (unclipped)." in text


def test_the_first_lag_at_which_each_fails_is_said(folder: Path) -> None:
    assert "each fails: gru none; tanh 25." in said(folder, "long_memory@adding")


def test_pairs_told_apart_are_those_of_the_test_split(folder: Path) -> None:
    text = said(folder, "word_order@opinions")
    assert "Of 2 test texts" in text
    (found,) = [one for one in experiment_section.experiment_figures(TREE, folder) if one.heads]
    # The own one, one that was told apart, then the short one.
    assert [row[0] for row in found.rows] == ["so good", "a long bad", "b"]
    assert found.rows[1][2:] == ("x → x", "x → x", "x → y")
    assert "50%" in found.picture.svg
    assert found.picture.svg.count(">0%<") == 3  # two bars and an end of the axis


def test_scores_of_the_shortest_and_the_longest_are_said(folder: Path) -> None:
    text = said(folder, "source_length@verses")
    assert "verses-fixed from 6.9 to 6.1, verses-attention from 19.9 to 19.1" in text


def test_a_damaged_table_is_refused(folder: Path) -> None:
    for content in ("", "cell,lag\nx,1\n"):
        (folder / "long_memory" / "adding.csv").write_text(content, encoding="utf-8")
        with pytest.raises(
            UserError, match=r"adding\.csv is damaged: delete it and run `dvc repro"
        ):
            experiment_section.experiment_figures(TREE, folder)


DRAWN: list[Callable[[], str]] = [
    lambda: figures.gradient_flow(norms()),
    lambda: figures.long_memory(memory(), "adding"),
    lambda: figures.told_apart([("$one", 0.0), ("two", 1.0)], "a $title"),
    lambda: figures.source_length(lengths(), "verses"),
]


@pytest.mark.parametrize("draw", DRAWN)
def test_the_same_numbers_give_the_same_bytes(draw: Callable[[], str]) -> None:
    assert draw() == draw()


def test_a_field_says_steps_or_what_was_left() -> None:
    svg = figures.long_memory(memory(), "adding")
    for words in ("1,234 steps", "diverged", ">90%<"):
        assert words in svg
