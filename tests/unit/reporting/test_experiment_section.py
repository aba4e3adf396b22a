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
from pipelines.reporting import cell_plots, experiment_section, page
from tests.unit.reporting.experiment_tables import source_lengths, word_order_answers

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


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the tables of all experiments except two in params.yaml."""
    written = {
        ("gradient_flow", "adding"): norms(),
        ("long_memory", "adding"): memory(),
        ("word_order", "opinions"): word_order_answers(),
        ("source_length", "verses"): source_lengths(),
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
    assert '<td class="text">&lt;i&gt;</td>' in html
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


def test_a_damaged_table_is_named(project: Path) -> None:
    for content in ("", "cell,lag\nx,1\n"):
        file = project / paths.experiment("long_memory", "adding")
        file.write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match=r"adding\.csv is damaged.*`dvc repro"):
            experiment_section.experiment_figures(CONFIG, project)


PLOTS: list[Callable[[], str]] = [
    lambda: cell_plots.gradient_flow(norms()),
    lambda: cell_plots.long_memory(memory(), "adding"),
]


@pytest.mark.parametrize("draw", PLOTS)
def test_the_same_numbers_give_the_same_bytes(draw: Callable[[], str]) -> None:
    assert draw() == draw()


def test_a_field_shows_steps_or_the_remaining_loss() -> None:
    svg = cell_plots.long_memory(memory(), "adding")
    for text in ("1,234 steps", "diverged", ">90%<"):
        assert text in svg
