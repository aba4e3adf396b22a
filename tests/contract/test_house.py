"""Who may import whom, one door to each library, and the other rules of the house."""

import ast
from pathlib import Path

import pytest

from tests.contract.imports import FIRST_PARTY, ROOT, closure, files, first_party, modules

DOORS = {
    "mlflow": "pipelines/tracking/",
    "great_expectations": "pipelines/data/expectations.py",
    "typer": "pipelines/console.py",
    "rich": "pipelines/console.py",
    "yaml": "pipelines/config/params.py",
    "matplotlib": "pipelines/reporting/plots.py",
    # Scores, and the tests of their differences.
    "sacrebleu": ("pipelines/inference/scores.py", "pipelines/evaluation/significance.py"),
    "sentencepiece": "pipelines/text/subwords.py",
    "dvc": "pipelines/lineage/dvc_project.py",
}
# What each folder may import; what stands lower down the walk never imports what stands higher.
MAY = {
    "pipelines/text": {"pipelines/text"},
    "pipelines/layers": {"pipelines/layers"},
    "pipelines/models": {"pipelines/layers", "pipelines/text", "pipelines/models"},
    "pipelines/training": {
        "pipelines/models",
        "pipelines/layers",
        "pipelines/text",
        "pipelines/training",
    },
    "pipelines/inference": {"pipelines/models", "pipelines/text", "pipelines/inference"},
    "pipelines/significance": {"pipelines/inference", "pipelines/significance"},
    "pipelines/reporting": {
        "pipelines/inference",
        "pipelines/laboratory",
        "pipelines/significance",
        "pipelines/reporting",
    },
    "pipelines/laboratory": {
        "pipelines/training",
        "pipelines/models",
        "pipelines/layers",
        "pipelines/text",
        "pipelines/inference",
        "pipelines/laboratory",
    },
    "pipelines/tracking": {"pipelines/inference", "pipelines/training", "pipelines/tracking"},
    "pipelines/proof": {
        "pipelines/training",
        "pipelines/models",
        "pipelines/layers",
        "pipelines/text",
        "pipelines/tracking",
        "pipelines/inference",
        "pipelines/proof",
    },
    "stages": {"pipelines"},
    "commands": {"pipelines", "commands"},
}
SHARED = {"pipelines", "pipelines/schema"}  # params, console, errors, batches


def _folder(file):
    return file.parent.as_posix()


@pytest.mark.parametrize("file", files(), ids=str)
def test_imports_follow_the_walk(file):
    allowed = MAY.get(_folder(file), SHARED | {"pipelines/text"}) | SHARED
    for other in first_party(file):
        place = _folder(other)
        assert any(place == one or place.startswith(f"{one}/") for one in allowed), (
            f"{file} imports {other}"
        )


def test_only_commands_import_proof():
    """A stage that did would be run again for a change of what is only looked at."""
    for file in files():
        if _folder(file) not in ("commands", "pipelines/proof"):
            assert not {"pipelines/proof"} & set(map(_folder, first_party(file))), file


@pytest.mark.parametrize("library", DOORS)
def test_one_door_to_each_library(library):
    users = [
        file.as_posix()
        for file in files()
        if any(name == library or name.startswith(f"{library}.") for name in modules(file))
    ]
    assert users, f"nothing imports {library}: take it out of the dependencies"
    assert [user for user in users if not user.startswith(DOORS[library])] == []


def test_no_tensorflow_in_text():
    for file in files():
        if _folder(file) == "pipelines/text":
            reached = {name for one in closure(file) for name in modules(one)}
            assert not {"tensorflow", "keras"} & reached, file


def test_packages_are_docstrings_only():
    """So that no stage needs an `__init__.py` among its deps."""
    for file in files():
        if file.name == "__init__.py":
            tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
            assert len(tree.body) == 1, file
            assert ast.get_docstring(tree), file


def test_nothing_is_pickled_printed_or_evaluated():
    for file in files():
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        names = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not names & {"print", "eval", "exec"}, file
        assert not {"pickle", "joblib", "cloudpickle", "dill"} & modules(file), file


def test_every_public_name_has_a_docstring():
    missing = []
    for file in files():
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            kinds = (ast.FunctionDef, ast.ClassDef)
            nested = isinstance(node, ast.FunctionDef) and node.col_offset > 4
            if isinstance(node, kinds) and not node.name.startswith("_") and not nested:
                inside = any(
                    node in outer.body and outer.name.startswith("_")
                    for outer in ast.walk(tree)
                    if isinstance(outer, ast.ClassDef)
                )
                local = any(
                    node in outer.body
                    for outer in ast.walk(tree)
                    if isinstance(outer, ast.FunctionDef)
                )
                if not inside and not local and not ast.get_docstring(node):
                    missing.append(f"{file}:{node.lineno} {node.name}")
    assert missing == []


def test_the_top_level_is_the_users():
    for name in ("pipelines", "stages", "params.yaml", "dvc.yaml", "tests", "pyproject.toml"):
        assert (ROOT / name).exists()
    assert {file.parts[0] for file in files()} == set(FIRST_PARTY)
    assert Path(__file__).is_relative_to(ROOT / "tests")
