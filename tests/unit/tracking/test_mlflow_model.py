"""Datasets and models in MLflow's format."""

import sys
from pathlib import Path

from pipelines.tracking import mlflow_model
from tests.contract.imports import closure, modules

PACKAGES = {"yaml": "PyYAML", "pydantic_core": "pydantic"}  # by module


def test_a_logged_model_requires_every_package_that_the_predictor_imports():
    files = closure(Path("pipelines/inference/predictor.py"))
    imported = {name.partition(".")[0] for file in files for name in modules(file)}
    third_party = imported - sys.stdlib_module_names - {"pipelines"}
    packages = {PACKAGES.get(name, name) for name in third_party}
    assert {"tensorflow", "pandas"} <= packages
    assert packages <= set(mlflow_model.REQUIREMENTS)
