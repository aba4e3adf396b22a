"""Who may import whom, one door to each library, and other rules of the code base."""

import ast
import re
import sys
from collections import defaultdict
from pathlib import Path

import networkx as nx
import pytest

from tests.contract.imports import FIRST_PARTY, ROOT, closure, files, first_party, modules

# The only places that import each library.
DOORS = {
    "datasketch": "pipelines/data/near_duplicates.py",
    "dask_jobqueue": "pipelines/cluster/slurm.py",
    "distributed": ("pipelines/cluster/", "pipelines/data/dask_client.py"),
    "duckdb": (
        "commands/",
        "pipelines/data/selection.py",
        "pipelines/proposals/",
        "pipelines/text/token_counts.py",
    ),
    "dvc": (
        "pipelines/lineage/dvc_project.py",
        "pipelines/lineage/reproduction.py",
        "pipelines/lineage/transfer.py",
    ),
    "fastapi": (
        "pipelines/demo/page.py",
        "pipelines/server/",
        "pipelines/tracking/scoring_server.py",
    ),
    "great_expectations": ("pipelines/data/expectations", "pipelines/reporting/data_docs.py"),
    "gradio": "pipelines/demo/",
    "jinja2": "pipelines/reporting/page.py",
    "matplotlib": "pipelines/reporting/plots.py",
    "mlflow": "pipelines/tracking/",
    "networkx": "pipelines/lineage/",
    "onnx": "pipelines/export/",
    "onnxruntime": "pipelines/export/",
    "optuna": "pipelines/sweeps/",
    "py3langid": "pipelines/data/languages.py",
    "rich": "pipelines/console.py",
    "ruamel": "pipelines/config/params_file.py",
    "sacrebleu": "pipelines/inference/scores.py",
    "sentencepiece": "pipelines/text/subwords.py",
    "sklearn": ("pipelines/inference/scores.py", "pipelines/models/logistic_regression.py"),
    "threadpoolctl": "pipelines/models/logistic_regression.py",
    "typer": "pipelines/console.py",
    "uvicorn": ("commands/demo.py", "commands/serve.py"),
    "yaml": "pipelines/config/yaml_tree.py",
}
# The first-party packages that each package may import, besides itself, config and BOTTOM. Only
# packages that observe a project know its paths; the others get them as arguments.
BOTTOM = {"types", "errors", "files", "console", "startup"}
MAY_IMPORT = {
    "types": set(),
    "errors": set(),
    "files": set(),
    "startup": {"fork_client"},
    "fork_client": set(),
    "fork_server": {"fork_client", "startup"},
    "console": {"errors", "files", "startup"},
    "paths": {"config"},
    "data/readers": {"types", "errors"},
    "config": {"data/readers", "types", "errors"},
    "text": set(),
    "data": {"data/readers", "text"},
    "proposals": {"data", "text"},
    "layers": set(),
    "models": {"layers", "text", "data"},
    "training": {"models", "layers", "text"},
    "inference": {"models", "layers", "text"},
    "tasks": {"inference", "training", "models", "text"},
    "evaluation": {"tasks", "inference", "models"},
    "project_models": {"paths", "inference", "models"},
    "api": {
        *("paths", "data", "text", "layers", "models"),
        *("training", "inference", "tasks", "evaluation"),
    },
    "export": {"tasks", "inference", "models", "layers", "text"},
    "lineage": {"paths", "data"},
    "scheduling": {"lineage"},
    "sweeps": {"paths", "data", "lineage", "scheduling", "evaluation"},
    "cluster": {"paths", "data", "lineage", "scheduling", "tracking", "training"},
    "tracking": {"paths", "lineage", "evaluation", "tasks", "inference", "training"},
    "experiments": {
        *("evaluation", "tasks", "inference", "training"),
        *("models", "layers", "text"),
    },
    "reporting": {
        *("paths", "sweeps", "experiments", "evaluation", "lineage", "tasks", "training", "data"),
    },
    "tutorial": {
        *("paths", "reporting", "experiments", "evaluation", "tasks", "inference", "training"),
        *("models", "layers", "text", "data"),
    },
    "verification": {
        *("paths", "tracking", "lineage", "scheduling", "evaluation", "tasks", "training"),
        *("models", "layers", "text", "data"),
    },
    "server": {"tracking", "tasks", "inference"},
    "demo": {"paths", "project_models", "tasks", "inference", "models", "text", "data"},
    "diagnostics": {"paths", "tracking", "lineage", "tasks", "training", "models", "text", "data"},
}
STRICT = BOTTOM | {"paths", "data/readers", "config"}  # import only what the table lists
WITHOUT_TENSORFLOW = STRICT | {"text", "data", "proposals", "lineage"}


def package(file: Path) -> str:
    """Return the package of a file; the modules of `pipelines` count as packages of their own."""
    name = file.with_suffix("").as_posix().removeprefix("pipelines/")
    return "data/readers" if name.startswith("data/readers/") else name.split("/")[0]


def package_imports() -> dict[str, set[str]]:
    imports: dict[str, set[str]] = defaultdict(set)
    for file in files():
        imports[package(file)] |= {package(other) for other in first_party(file)} - {package(file)}
    return imports


def test_every_package_has_its_place():
    packages = {package(file) for file in files()} - {"__init__", "stages", "commands", "seqproof"}
    assert packages == set(MAY_IMPORT)


@pytest.mark.parametrize("importer", MAY_IMPORT)
def test_imports_follow_the_order_of_the_packages(importer):
    allowed = MAY_IMPORT[importer]
    if importer not in STRICT:
        allowed = allowed | BOTTOM | {"config", "data/readers"}
    for file in files():
        if package(file) == importer:
            for other in first_party(file):
                assert package(other) in allowed | {importer}, f"{file} imports {other}"


def test_no_circles_between_packages():
    graph = nx.DiGraph(
        [(left, right) for left, others in package_imports().items() for right in others]
    )
    assert list(nx.simple_cycles(graph)) == []


def test_nothing_imports_stages_and_commands():
    for file in files():
        others = {package(other) for other in first_party(file)} - {package(file)}
        assert not others & {"stages", "commands", "seqproof"}, file


def test_the_launcher_imports_the_standard_library_only():
    """It starts before the project whose library it is to use; `wheel.py` runs in a build."""
    names = modules(Path("seqproof/launcher.py")) | modules(Path("commands/skeleton.py"))
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names


def test_no_stage_imports_verification_or_diagnostics():
    """They look at results; a stage must not depend on them."""
    for file in files():
        if package(file) == "stages":
            reached = {package(other) for other in closure(file)}
            assert not reached & {"verification", "diagnostics"}, file


@pytest.mark.parametrize("name", sorted(WITHOUT_TENSORFLOW))
def test_no_tensorflow_at_the_bottom(name):
    """Else `preprocess`, `trace` and `--help` would wait for it."""
    for file in files():
        if package(file) == name:
            reached = {module.split(".")[0] for part in closure(file) for module in modules(part)}
            assert not {"tensorflow", "keras"} & reached, file


def test_no_traced_function_is_transformed_by_autograph():
    """No code needs it, and it is half the time of a trace."""
    for file in files():
        text = (ROOT / file).read_text(encoding="utf-8")
        calls = re.findall(r"tf\.function\b.*(?:\n.*){3}", text)
        assert all("autograph=False" in call for call in calls), file


@pytest.mark.parametrize("library", DOORS)
def test_one_door_to_each_library(library):
    users = [
        file.as_posix()
        for file in files()
        if any(name == library or name.startswith(f"{library}.") for name in modules(file))
    ]
    assert users, f"nothing imports {library}: remove it from the dependencies"
    assert [user for user in users if not user.startswith(DOORS[library])] == []


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
        nodes = list(ast.walk(ast.parse((ROOT / file).read_text(encoding="utf-8"))))
        hidden = {
            inner
            for outer in nodes
            if isinstance(outer, ast.FunctionDef)
            or (isinstance(outer, ast.ClassDef) and outer.name.startswith("_"))
            for inner in outer.body
        }
        for node in nodes:
            nested = isinstance(node, ast.FunctionDef) and node.col_offset > 4
            if not isinstance(node, ast.FunctionDef | ast.ClassDef) or nested or node in hidden:
                continue
            if not node.name.startswith("_") and not ast.get_docstring(node):
                missing.append(f"{file}:{node.lineno} {node.name}")
    assert missing == []


def test_the_top_level_has_the_usual_folders():
    for name in ("pipelines", "stages", "params.yaml", "dvc.yaml", "tests", "pyproject.toml"):
        assert (ROOT / name).exists()
    assert {file.parts[0] for file in files()} == set(FIRST_PARTY)
    assert Path(__file__).is_relative_to(ROOT / "tests")
