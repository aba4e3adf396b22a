"""Datasets and models in MLflow's format."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines import files
from pipelines.lineage import hashing
from pipelines.tracking.log_events import MODEL, LogEvent

# Packages that `pipelines.inference.predictor` needs to load a model and predict.
REQUIREMENTS = (
    *("mlflow", "tensorflow", "keras", "numpy", "pandas", "pyarrow"),
    *("pydantic", "PyYAML", "scikit-learn", "sentencepiece", "threadpoolctl"),
    *("typer", "rich", "charset-normalizer", "duckdb", "unicode-segmentation-rs"),
)
MLFLOW_TYPES = {
    "int64": "long",
    "int32": "integer",
    "double": "double",
    "float": "float",
    "bool": "boolean",
}


def dataset(path: Path, name: str) -> dict[str, str]:
    """Describe a parquet file as an MLflow dataset; only its footer is read.

    Args:
        path: the file.
        name: name of the dataset.

    Returns:
        The fields of an `mlflow.entities.Dataset`; the digest is the hash that DVC gives the file.
    """
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        rows, schema = file.metadata.num_rows, file.schema_arrow
    columns = [
        {"name": field.name, "type": MLFLOW_TYPES.get(str(field.type), "string")}
        for field in schema
    ]
    return {
        "name": name,
        "digest": hashing.file_md5(path),
        "source_type": "local",
        "source": json.dumps({"uri": path.as_posix()}),
        "schema": json.dumps({"mlflow_colspec": columns}),
        "profile": json.dumps({"num_rows": rows, "num_elements": rows * len(columns)}),
    }


def model_event(
    name: str,
    folder: Path,
    vocabulary: Path,
    example: list[str],
    predictions: list[str],
    config: Mapping[str, Any],
) -> LogEvent:
    """Return the event that logs a model; its `content` hash is equal for equal models.

    Args:
        name: name of the model.
        folder: the trained model.
        vocabulary: its vocabulary file.
        example: input texts.
        predictions: the model's outputs for them.
        config: how the model samples or searches.
    """
    io = {"example": example, "predictions": predictions, "config": config}
    hashes = [hashing.folder_sha256(folder), hashing.file_md5(vocabulary)]
    content = hashlib.sha256(json.dumps([io, hashes], sort_keys=True).encode()).hexdigest()
    requirements = [f"{package}=={metadata.version(package)}" for package in REQUIREMENTS]
    payload = {"name": name, "content": content, "requirements": requirements, **io}
    code = Path(__file__).parents[1]
    return LogEvent(MODEL, payload, {MODEL: folder, "vocabulary": vocabulary, "code": code})


def save_model(folder: Path, run_id: str, logged_model: Any, event: LogEvent) -> None:
    """Write an MLflow model to a folder.

    `mlflow.pyfunc.save_model(input_example=...)` would load the model and predict, which takes
    seconds. The example is written here instead, in the format of `Model.load_input_example`.

    Args:
        folder: folder to create.
        run_id: run that logs the model.
        logged_model: the model's entry on the server.
        event: event of `model_event`.
    """
    import mlflow
    from mlflow.models import Model

    mlflow_model = Model(
        artifact_path=f"models:/{logged_model.model_id}",
        model_uuid=logged_model.model_id,
        model_id=logged_model.model_id,
        run_id=run_id,
    )
    mlflow.pyfunc.save_model(
        path=str(folder),
        mlflow_model=mlflow_model,
        python_model=str(event.files["code"] / "tracking" / "serving.py"),
        artifacts={name: str(event.files[name].resolve()) for name in (MODEL, "vocabulary")},
        model_config=dict(event.payload["config"]),
        code_paths=[str(event.files["code"])],
        pip_requirements=event.payload["requirements"],
    )
    mlflow_model.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "json_object",
    }
    _remove_local_paths(mlflow_model.flavors["python_function"])
    example = event.payload["example"]
    _write_json(folder / "input_example.json", example)
    _write_json(folder / "serving_input_example.json", {"inputs": example})
    _write_json(folder / "output_example.json", event.payload["predictions"])
    mlflow_model.save(str(folder / "MLmodel"))


def _remove_local_paths(flavor: dict[str, Any]) -> None:
    """Remove the paths of the files that were copied into a model, which MLflow does not read."""
    for copy in flavor["artifacts"].values():
        del copy["uri"]
    flavor["model_code_path"] = Path(flavor["model_code_path"]).name


def _write_json(path: Path, content: object) -> None:
    path.write_text(files.dump_json(content), encoding="utf-8", newline="\n")
