"""The experiments section: every plot with its explanation and the hash of its table."""

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines import paths
from pipelines.config import params
from pipelines.errors import UserError
from pipelines.experiments import tables
from pipelines.reporting import experiment_section, page
from tests.unit.reporting.experiment_tables import source_lengths, word_order_answers

REPOSITORY = Path(__file__).resolve().parents[3]
CONFIG = params.load(REPOSITORY / "params.yaml")
LAGS = (10, 20, 40)


def memory() -> pd.DataFrame:
    rows = [
        ("gru", "full", lag, 0.01, seed, 0.01, 0.01, 1 / 6, np.nan, True)
        for lag in LAGS
        for seed in (1, 2, 3)
    ]
    return pd.DataFrame(rows, columns=tables.MEMORY)


def norms() -> pd.DataFrame:
    """Gradients that stay equal."""
    rows = [
        ("gru", seed, 0.01, 1 / 6, weights, step, 3.0)
        for weights in ("initial", "trained")
        for seed in (1, 2, 3)
        for step in range(5)
    ]
    return pd.DataFrame(rows, columns=tables.GRADIENT_FLOW)


def networks() -> pd.DataFrame:
    """Three networks on two points."""
    rows: list[tuple[object, ...]] = [
        ("example", None, None, None, x, x, label) for x, label in ((-1, 0), (1, 1))
    ]
    for model in ("perceptron", "linear", "mlp"):
        rows += [("surface", model, None, None, x, y, 0.4 + x) for x in (0, 0.2) for y in (0, 1)]
        for step in (0, 20):
            rows += [("loss", model, None, step, None, None, 0.75 - step / 100)]
            rows += [("accuracy", model, None, step, None, None, 0.5)]
            rows += [("tape", model, "W", step, None, None, 2e-15)]
            rows += [("differences", model, "W", step, None, None, step * 1e-10)]
    return pd.DataFrame(rows, columns=list(tables.BACKPROPAGATION))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the tables of all experiments except two in params.yaml."""
    written = {
        paths.experiment("backpropagation", "xor"): networks(),
        paths.experiment("memory", "adding"): memory(),
        paths.gradient_norms("adding"): norms(),
        paths.experiment("word_order", "opinions"): word_order_answers(),
        paths.experiment("source_length", "verses"): source_lengths(),
    }
    for path, table in written.items():
        tables.write(table, tmp_path / path)
    return tmp_path


def test_every_figure_names_its_stage_its_table_and_its_hash(project: Path) -> None:
    figures = experiment_section.experiment_figures(CONFIG, project)
    stages = ["backpropagation@xor", "memory@adding", "memory@adding", "word_order@opinions"]
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
    assert html.count('<p class="origin">') == 5
    assert '<td class="text">&lt;i&gt;</td>' in html
    assert "experiments" not in page.render([]).partition("<body>")[2]


def test_a_damaged_table_is_named(project: Path) -> None:
    for content in ("", "cell,lag\nx,1\n"):
        file = project / paths.experiment("memory", "adding")
        file.write_text(content, encoding="utf-8")
        with pytest.raises(UserError, match=r"adding\.csv is damaged.*`seqproof run"):
            experiment_section.experiment_figures(CONFIG, project)
