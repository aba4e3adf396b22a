"""Figures, numbers and links of the tutorial are those of the stages' outs and of the code."""

import importlib.util
import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipelines.tutorial.figures import FIGURES
from tests.contract.imports import ROOT

_spec = importlib.util.spec_from_file_location("tutorial_outs", ROOT / "docs" / "tutorial_outs.py")
tutorial_outs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tutorial_outs)
PAGES = {page.name: page.read_text(encoding="utf-8") for page in tutorial_outs.pages()}
REMEDY = "Run python docs/tutorial_outs.py, which redraws figures and rewrites numbers and links."
MAX_SIZE = 800_000  # bytes of all copies of outs


def test_figures_numbers_and_links_are_up_to_date():
    expected = tutorial_outs.updated_files()
    differing = [
        path.name
        for path, text in expected.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    assert differing == [], REMEDY
    assert {file.stem for file in tutorial_outs.PICTURES.glob("*")} == set(FIGURES), REMEDY


def test_the_copies_are_those_that_are_needed():
    copies = [path for path in tutorial_outs.OUTS.rglob("*") if path.is_file()]
    names = {path.relative_to(tutorial_outs.OUTS).as_posix() for path in copies}
    needed = {*tutorial_outs.needed(), "params.yaml"}
    assert names == needed, "Run python docs/tutorial_outs.py PROJECT."
    assert sum(path.stat().st_size for path in copies) <= MAX_SIZE


def test_each_figure_is_shown_and_described():
    shown = {
        name for text in PAGES.values() for name in re.findall(r"\]\(figures/([\w-]+)\.svg\)", text)
    }
    assert shown == set(FIGURES)
    for name, figure in FIGURES.items():
        tree = ElementTree.parse(tutorial_outs.PICTURES / f"{name}.svg").getroot()
        assert tree.findtext("{http://www.w3.org/2000/svg}title") == figure.alt
        assert tree.attrib["aria-label"] == figure.alt


def test_pictures_have_alternative_texts():
    for name, text in PAGES.items():
        assert "![](" not in text, name


@pytest.fixture
def outs(tmp_path: Path) -> Path:
    (tmp_path / "a.json").write_text('{"scores": {"f1": 0.6754}, "sizes": [7, 8]}')
    (tmp_path / "a.csv").write_text("cell,lag,loss\nlstm,10,0.25\nlstm,40,0.5\ngru,10,1.0\n")
    return tmp_path


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("a.json scores.f1 .3f", "0.675"),
        ("a.json sizes.1 d", "8"),
        ("a.csv loss where cell == 'gru' .2f", "1.00"),
        ("a.csv 1 - loss where cell == 'lstm' and lag == 40 .1%", "50.0%"),
        ("a.csv max(loss) where lag == 10 g", "1"),
        ("a.csv mean(cell == 'lstm') .2f", "0.67"),
    ],
)
def test_values_are_read_from_outs(outs, query, shown):
    assert tutorial_outs.value(outs, query) == shown


def test_a_page_is_rewritten(outs, tmp_path):
    (tmp_path / "code.py").write_text("LIMIT = 3\n\n\nclass Cell:\n    def step(self): ...\n")
    page = tmp_path / "page.md"
    page.write_text(
        "F1 is **0.1**<!-- a.json scores.f1 .2f -->, of x<!-- a.json sizes.0 d --> texts.\n"
        "| [`Cell.step`](code.py#L1) | [`LIMIT`](code.py) | 3 |\n"
    )
    assert tutorial_outs.updated_page(page, outs) == (
        "F1 is **0.68**<!-- a.json scores.f1 .2f -->, of 7<!-- a.json sizes.0 d --> texts.\n"
        "| [`Cell.step`](code.py#L5) | [`LIMIT`](code.py#L1) | 3 |\n"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("**1**<!-- a.csv loss d -->", "finds 3 rows, not one"),
        ("**1**<!-- a.json scores.bleu .2f -->", "bleu"),
        ("[`Cell.run`](code.py#L1)", r"code.py has no 'Cell.run'"),
    ],
)
def test_wrong_numbers_and_links_are_named(outs, tmp_path, text, message):
    (tmp_path / "code.py").write_text("class Cell:\n    def step(self): ...\n")
    page = tmp_path / "page.md"
    page.write_text(text)
    with pytest.raises(ValueError, match=message):
        tutorial_outs.updated_page(page, outs)
