"""A dataset and a model in MLflow's own terms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.tracking import provenance

# What `pipelines.inference.predictor` needs to load and predict.
REQUIREMENTS = (
    *("mlflow", "tensorflow", "keras", "numpy", "pandas", "pyarrow"),
    *("pydantic", "PyYAML", "typer", "rich"),
)
TYPES = {
    "int64": "long",
    "int32": "integer",
    "double": "double",
    "float": "float",
    "bool": "boolean",
}


def dataset(path: Path, name: str) -> Any:
    """A parquet file as MLflow names datasets, from its footer alone."""
    import pyarrow.parquet
    from mlflow.entities import Dataset

    with pyarrow.parquet.ParquetFile(path) as file:
        rows, schema = file.metadata.num_rows, file.schema_arrow
    columns = [
        {"name": field.name, "type": TYPES.get(str(field.type), "string")} for field in schema
    ]
    return Dataset(
        name=name,
        digest=provenance.file_hash(path),
        source_type="local",
        source=json.dumps({"uri": path.as_posix()}),
        schema=json.dumps({"mlflow_colspec": columns}),
        profile=json.dumps({"num_rows": rows, "num_elements": rows * len(columns)}),
    )


def save_model(
    folder: Path,
    run_id: str,
    logged: Any,
    artifacts: Mapping[str, Path],
    example: list[str],
    config: Mapping[str, Any],
) -> None:
    """Write an MLflow model to a folder; `logged` is its entry on the server.

    `save_model(input_example=...)` would load the model and predict, which takes seconds: the
    example is written here, in the format that `Model.load_input_example` reads.
    """
    import mlflow
    from mlflow.models import Model

    described = Model(
        artifact_path=logged.artifact_location,
        model_uuid=logged.model_id,
        model_id=logged.model_id,
        run_id=run_id,
    )
    mlflow.pyfunc.save_model(
        path=str(folder),
        mlflow_model=described,
        python_model=str(Path(__file__).with_name("serving.py")),
        artifacts={name: str(path.resolve()) for name, path in artifacts.items()},
        model_config=dict(config),
        code_paths=[str(Path(__file__).parents[1])],
        pip_requirements=[f"{name}=={metadata.version(name)}" for name in REQUIREMENTS],
    )
    described.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "json_object",
    }
    write(folder / "input_example.json", example)
    write(folder / "serving_input_example.json", {"inputs": example})
    described.save(str(folder / "MLmodel"))


def write(path: Path, content: object) -> None:
    """JSON beside the model."""
    path.write_text(console.as_json(content), encoding="utf-8", newline="\n")
