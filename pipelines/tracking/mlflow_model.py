"""A dataset and a model in MLflow's own terms."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from pipelines import console
from pipelines.lineage import provenance
from pipelines.tracking.log_events import MODEL, LogEvent

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


def dataset(path: Path, name: str) -> dict[str, str]:
    """A parquet file as MLflow names datasets, from its footer alone."""
    import pyarrow.parquet

    with pyarrow.parquet.ParquetFile(path) as file:
        rows, schema = file.metadata.num_rows, file.schema_arrow
    columns = [
        {"name": field.name, "type": TYPES.get(str(field.type), "string")} for field in schema
    ]
    return {
        "name": name,
        "digest": provenance.file_hash(path),
        "source_type": "local",
        "source": json.dumps({"uri": path.as_posix()}),
        "schema": json.dumps({"mlflow_colspec": columns}),
        "profile": json.dumps({"num_rows": rows, "num_elements": rows * len(columns)}),
    }


def model(
    name: str,
    folder: Path,
    vocabulary: Path,
    example: list[str],
    predictions: list[str],
    config: Mapping[str, Any],
) -> LogEvent:
    """All that a logged model is made of; `content` is the same for the same model.

    Args:
        name: the model's.
        folder: that training wrote.
        vocabulary: its file.
        example: texts that go in.
        predictions: texts that come out.
        config: how texts are made.
    """
    answers = {"example": example, "predictions": predictions, "config": config}
    files = [provenance.folder_hash(folder), provenance.file_hash(vocabulary)]
    content = hashlib.sha256(json.dumps([answers, files], sort_keys=True).encode()).hexdigest()
    requirements = [f"{one}=={metadata.version(one)}" for one in REQUIREMENTS]
    said = {"name": name, "content": content, "requirements": requirements, **answers}
    code = Path(__file__).parents[1]
    return LogEvent(MODEL, said, {MODEL: folder, "vocabulary": vocabulary, "code": code})


def save_model(folder: Path, run_id: str, logged: Any, note: LogEvent) -> None:
    """Write an MLflow model to a folder; `logged` is its entry on the server, `note` as `model`.

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
        python_model=str(note.files["code"] / "tracking" / "serving.py"),
        artifacts={name: str(note.files[name].resolve()) for name in (MODEL, "vocabulary")},
        model_config=dict(note.said["config"]),
        code_paths=[str(note.files["code"])],
        pip_requirements=note.said["requirements"],
    )
    described.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "json_object",
    }
    example = note.said["example"]
    write(folder / "input_example.json", example)
    write(folder / "serving_input_example.json", {"inputs": example})
    write(folder / "output_example.json", note.said["predictions"])
    described.save(str(folder / "MLmodel"))


def write(path: Path, content: object) -> None:
    """JSON beside the model."""
    path.write_text(console.as_json(content), encoding="utf-8", newline="\n")
