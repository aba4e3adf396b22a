"""The experiments section: every plot with its explanation and the hash of its table."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.experiments import tables
from pipelines.reporting import cell_plots, experiment_plots, experiment_section, page

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIG = params.load(REPOSITORY / "params.yaml")
LAGS = (10, 25, 50)


def norms() -> pd.DataFrame:
    """Gradients of tanh halve at each step and diverge without clipping; the other's stay equal."""
    parts = []
    for cell, factor in (("tanh", 0.5), ("relu-identity", 1.0)):
        for weights in ("start", "clipped", "unclipped"):
            diverged = cell == "tanh" and weights == "unclipped"
            norm = np.full(5, np.nan) if diverged else 3 * factor ** np.arange(5)
            loss = np.nan if diverged else 0.1
            parts.append(
                pd.DataFrame(
                    {"cell": cell, "when": weights, "loss": loss, "lag": range(5), "norm": norm}
                )
            )
    return pd.concat(parts)


def memory() -> pd.DataFrame:
    rows = [("gru", lag, 100 * lag, 0.08, 1 / 6, True) for lag in LAGS]
    rows += [("tanh", 10, 1234, 0.01, 1 / 6, True), ("tanh", 25, 5, np.nan, 1 / 6, False)]
    return pd.DataFrame([*rows, ("tanh", 50, 600, 0.15, 1 / 6, False)], columns=tables.LONG_MEMORY)


def answers() -> pd.DataFrame:
    """The example of params.yaml and two test pairs; only the LSTM answers the long pair's texts
    differently."""
    texts = [("so good", "good so", None), ("a long bad", "bad long a", "x"), ("b", "c", "<i>")]
    rows = [
        (*texts[place], name, "x", "y" if (name, place) == ("opinions-lstm", 1) else "x", 0.5)
        for name in ("opinions-perceptron", "3-grams", "opinions-lstm")
        for place in range(3)
    ]
    return pd.DataFrame(rows, columns=tables.WORD_ORDER)


def lengths() -> pd.DataFrame:
    rows = [
        (name, size, size + 1, size + 0.5, 10, "BLEU", score - size / 10)
        for name, score in (("verses-fixed", 7.0), ("verses-attention", 20.0))
        for size in (1, 5, 9)
    ]
    return pd.DataFrame(rows, columns=tables.SOURCE_LENGTH)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the tables of all experiments except two in params.yaml."""
    written = {
        ("gradient_flow", "adding"): norms(),
        ("long_memory", "adding"): memory(),
        ("word_order", "opinions"): answers(),
        ("source_length", "verses"): lengths(),
    }
    for experiment, table in written.items():
        tables.write(table, tmp_path / paths.experiment(*experiment))
    return tmp_path


def test_every_figure_names_its_stage_its_table_and_its_hash(project: Path) -> None:
    figures = experiment_section.experiment_figures(CONFIG, project)
    stages = ["gradient_flow@adding", "long_memory@adding", "word_order@opinions"]
    assert [figure.source.stage for figure in figures] == [*stages, "source_length@verses"]
    for figure in figures:
        content = (project / figure.source.path).read_bytes()
        assert hashlib.md5(content).hexdigest() == figure.source.md5
        assert figure.picture.svg.startswith("<?xml")
        assert all(figure.explanation)


def test_the_page_has_the_section_and_escapes_the_data(project: Path) -> None:
    html = page.render([], experiment_section.experiment_figures(CONFIG, project))
    assert html == page.render([], experiment_section.experiment_figures(CONFIG, project))
    assert '<section id="experiments">' in html
    assert html.count('<p class="origin">') == 4
    assert '<td class="text">x → y</td>' in html
    assert "experiments" not in page.render([]).partition("<body>")[2]


def explanation(project: Path, stage: str) -> str:
    (figure,) = [
        figure
        for figure in experiment_section.experiment_figures(CONFIG, project)
        if figure.source.stage == stage
    ]
    return " ".join(figure.explanation)


def test_gradient_flow_reports_remaining_norms_and_divergence(project: Path) -> None:
    text = explanation(project, "gradient_flow@adding")
    assert "Relative norm after 4 steps" in text
    assert "tanh 6e-02 and 6e-02; relu-identity 1e+00 and 1e+00." in text
    assert "Diverged, and not plotted: tanh (unclipped)." in text


def test_long_memory_reports_the_first_failure_of_each_cell(project: Path) -> None:
    assert "cell fails: gru none; tanh 25." in explanation(project, "long_memory@adding")


def test_word_order_counts_pairs_of_the_test_split_only(project: Path) -> None:
    text = explanation(project, "word_order@opinions")
    assert "In 2 test texts" in text
    figures = experiment_section.experiment_figures(CONFIG, project)
    (figure,) = [figure for figure in figures if figure.header]
    # The example of params.yaml, the pair with different answers, then the short one.
    assert [row[0] for row in figure.rows] == ["so good", "a long bad", "b"]
    assert figure.rows[1][2:] == ("x → x", "x → x", "x → y")
    assert "50%" in figure.picture.svg
    assert figure.picture.svg.count(">0%<") == 3  # two bars and an end of the axis


def test_source_length_reports_the_shortest_and_the_longest_bucket(project: Path) -> None:
    text = explanation(project, "source_length@verses")
    assert "verses-fixed from 6.9 to 6.1, verses-attention from 19.9 to 19.1" in text


def test_a_damaged_table_is_named(project: Path) -> None:
    for content in ("", "cell,lag\nx,1\n"):
        file = project / paths.experiment("long_memory", "adding")
        file.write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match=r"adding\.csv is damaged.*`dvc repro"):
            experiment_section.experiment_figures(CONFIG, project)


PLOTS: list[Callable[[], str]] = [
    lambda: cell_plots.gradient_flow(norms()),
    lambda: cell_plots.long_memory(memory(), "adding"),
    lambda: experiment_plots.order_sensitivity([("$one", 0.0), ("two", 1.0)], "a $title"),
    lambda: experiment_plots.source_length(lengths(), "verses"),
]


@pytest.mark.parametrize("draw", PLOTS)
def test_the_same_numbers_give_the_same_bytes(draw: Callable[[], str]) -> None:
    assert draw() == draw()


def test_a_field_shows_steps_or_the_remaining_loss() -> None:
    svg = cell_plots.long_memory(memory(), "adding")
    for text in ("1,234 steps", "diverged", ">90%<"):
        assert text in svg
