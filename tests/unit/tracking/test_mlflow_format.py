"""Datasets and models in MLflow's format."""

import subprocess
import sys
from pathlib import Path

from pipelines.tracking import mlflow_format
from tests.contract.imports import closure, modules

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = {"yaml": "PyYAML", "pydantic_core": "pydantic", "sklearn": "scikit-learn"}  # by module
PACKAGES |= {"charset_normalizer": "charset-normalizer"}
PACKAGES |= {"unicode_segmentation_rs": "unicode-segmentation-rs"}


def _third_party(files):
    names = {name.partition(".")[0] for file in files for name in modules(file)}
    return names - sys.stdlib_module_names - {"pipelines"}


def test_a_logged_model_requires_every_package_that_the_predictor_imports():
    packages = {
        PACKAGES.get(name, name)
        for name in _third_party(closure(Path("pipelines/inference/predictor.py")))
    }
    assert {"tensorflow", "pandas"} <= packages
    assert packages <= set(mlflow_format.REQUIREMENTS)


def test_tasks_can_be_imported_with_the_required_packages_only():
    tasks = [file.relative_to(ROOT) for file in (ROOT / "pipelines" / "tasks").glob("*.py")]
    missing = {
        name
        for task in tasks
        for name in _third_party(closure(task))
        if PACKAGES.get(name, name) not in mlflow_format.REQUIREMENTS
    }
    assert "sacrebleu" in missing  # evaluation needs it, prediction does not
    names = [f"pipelines.tasks.{file.stem}" for file in tasks]
    script = (
        "import importlib, sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(missing)}))\n"
        f"for name in {names}: importlib.import_module(name)"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert process.returncode == 0, process.stderr
