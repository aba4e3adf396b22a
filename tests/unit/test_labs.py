"""The labs run from the first cell to the last, and their notebooks are those of the sources."""

import importlib.util
import json
import re
import shutil

import nbformat
import pandas as pd
import pytest
import yaml

from pipelines import paths
from pipelines.text import vocabulary
from tests.contract.imports import ROOT

_spec = importlib.util.spec_from_file_location("lab_notebooks", ROOT / "docs/lab_notebooks.py")
lab_notebooks = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(lab_notebooks)
NAMES = [source.stem for source in lab_notebooks.SOURCES]
SOURCES = {name: lab_notebooks.read(lab_notebooks.LABS / f"{name}.py") for name in NAMES}
COMMITTED = {name: nbformat.read(lab_notebooks.LABS / f"{name}.ipynb", 4) for name in NAMES}
# A line in the first cell of a lab, and what it is in the test.
STEPS = {
    "STEPS = 1000": "STEPS = 4",
    "STEPS, CONTRAST_STEPS = 480, 300": "STEPS, CONTRAST_STEPS = 2, 2",
}
REMEDY = "Run make labs."


def printed(cell):
    """Return what a cell printed."""
    return "".join(out.text for out in cell.get("outputs", ()) if out.output_type == "stream")


def lines(notebook):
    """Return all printed lines of a notebook."""
    return "".join(printed(cell) for cell in notebook.cells).splitlines()


def number(notebook, pattern):
    """Return the number in the first line that matches a pattern."""
    return float(next(match[1] for line in lines(notebook) if (match := re.search(pattern, line))))


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a prepared corpus of few opinions; no stage has run."""
    root = tmp_path_factory.mktemp("labs")
    tree = yaml.safe_load((ROOT / paths.PARAMS).read_text(encoding="utf-8"))
    tree["models"]["baseline"]["opinions-mlp"] |= {"hidden": [4], "epochs": 1}
    tree["corpora"]["contrasts"]["source"]["examples"] = 400
    (root / paths.PARAMS).write_text(yaml.safe_dump(tree), encoding="utf-8")
    shutil.copytree(ROOT / "texts", root / "texts")
    words = {"negative": "bad awful", "neutral": "red round", "positive": "good great"}
    texts = [
        (f"the {noun} was {word} , not {other} at all .", label)
        for noun in ("food", "film", "book", "hotel", "room", "song", "plot", "game", "car", "trip")
        for label, pair in words.items()
        for word, other in [pair.split()]
    ]
    frame = pd.DataFrame(texts, columns=["text", "label"]).assign(document="a", line=range(30))
    for split in ("train", "valid", "test"):
        path = root / paths.frame("opinions", split)
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(path)

    column = vocabulary.build(list(frame["text"]), "words", 100)
    vocabularies = vocabulary.Vocabularies({"text": column}, tuple(sorted(words)))
    (root / paths.vocabulary("opinions")).parent.mkdir(parents=True)
    vocabulary.save(vocabularies, root / paths.vocabulary("opinions"))
    return root


@pytest.fixture(scope="module")
def executed(project):
    """Both labs, run in one kernel whose names are deleted between them."""
    parts = [json.loads(json.dumps(SOURCES[name])) for name in NAMES]
    cells = [cell for part in parts for cell in part["cells"]]
    for cell in cells:
        for line, short in STEPS.items():
            cell["source"] = cell["source"].replace(line, short)
    reset = nbformat.v4.new_code_cell("%reset -f", id="reset")
    cells.insert(len(parts[0]["cells"]), reset)
    wrong = 'check("wrong", 1, 2)\ncheck("shape", [1], 1)\ncheck("close", [1.00001], [1])'
    cells.append(nbformat.v4.new_code_cell(wrong, id="wrong"))
    notebook = nbformat.from_dict(parts[0] | {"cells": cells})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        patch.setenv("AIRLINE_TWEETS", str(project / "none"))
        return lab_notebooks.execute(notebook, project)


def test_notebooks_have_the_cells_of_their_sources():
    for name in NAMES:
        expected = [(cell.cell_type, cell.source) for cell in SOURCES[name].cells]
        cells = [(cell.cell_type, cell.source) for cell in COMMITTED[name].cells]
        assert cells == expected, REMEDY


def test_exact_results_are_those_of_the_notebooks(executed):
    results = {cell.id: printed(cell) for cell in executed.cells}
    exact = [
        (cell.id, printed(cell))
        for name in NAMES
        for cell in COMMITTED[name].cells
        if "exact" in cell.metadata.get("tags", ())
    ]
    assert len(exact) > 20
    assert {name: results[name] for name, _ in exact} == dict(exact), REMEDY


def test_each_exercise_is_open_and_has_a_solution(executed):
    results = lines(executed)
    for count in (1, 2, 3, 4, 5):
        assert results.count(f"exercise {count}: to do") == len(NAMES)
        assert results.count(f"exercise {count}: correct") == len(NAMES)
    assert results[-3:] == ["wrong: not correct yet", "shape: not correct yet", "close: correct"]


def test_the_tweets_are_not_needed(executed):
    assert lines(executed).count("The tweets are not here.") == len(NAMES)


def test_the_committed_notebooks_ran_to_their_end():
    for notebook in COMMITTED.values():
        cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
        assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1)), REMEDY


def test_gradient_descent_of_the_tutorial_is_slow():
    lab1 = COMMITTED["lab1"]
    slow, fast = (
        number(lab1, r"accuracy (\S+); the most frequent"),
        number(lab1, r"^accuracy (0\.\d+)$"),
    )
    most_frequent = number(lab1, r"the most frequent label has (\S+)")
    assert abs(slow - most_frequent) < 0.05
    assert fast > slow + 0.2
    assert number(lab1, r"^most frequent label +(\S+)") == 0.627
    assert number(lab1, r"the same network with the trainer (\S+)") > 0.655


def test_the_lstm_reads_the_order():
    lab2 = COMMITTED["lab2"]
    assert number(lab2, r"^contrasts: .* accuracy (\S+)") > 0.9
    assert number(lab2, r"^opinions: .* accuracy (\S+)") > number(lab2, r"label: accuracy (\S+)")


def test_the_page_has_the_numbers_of_the_notebooks():
    page = (ROOT / "docs" / "tutorial" / "labs.md").read_text(encoding="utf-8")
    lab1 = COMMITTED["lab1"]
    for pattern in ("^most frequent label", "^the tutorial's settings", "^the same network with"):
        line = next(line for line in lines(lab1) if re.search(pattern, line))
        assert f"| {100 * float(line.split()[-1]):.1f} % |" in page, line
    for line in lines(COMMITTED["lab2"]):
        if match := re.match(r"[\w ]+: ([\d.]+) errors per batch of 64, accuracy (\S+)", line):
            assert f"| {match[1]} | {100 * float(match[2]):.1f} % |" in page, line
