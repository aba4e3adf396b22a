"""`seqproof export`: write a trained model in the format of another program."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pipelines import console, files, paths
from pipelines.config import params
from pipelines.errors import UserError

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor

Format = Literal["saved-model", "onnx"]
CHECKED = 100  # texts of the test split
SIGNS = ("saved_model.pb", "model.onnx", "encoder.onnx")  # files of an earlier export
SHOWN = 3  # texts of an error message


def export(name: str, kind: Format, output: str | None, as_json: bool = False) -> None:
    """Write a model, after its answers to texts of the test split were compared.

    Args:
        name: a model of params.yaml.
        kind: the format.
        output: the folder; `exports/<name>/<format>` by default. An earlier export is replaced.
        as_json: print JSON.

    Raises:
        UserError: the model is not covered, the folder holds something else, or the exported
            model answers otherwise.
    """
    config = params.load(paths.PARAMS)
    entry = params.require(config.models, name, "model")
    folder = paths.exported(name, kind) if output is None else Path(output)
    _check_folder(folder)
    if not isinstance(entry, params.TrainableConfig):
        raise UserError(
            f"'{name}' has 'model: {entry.model}', which is no network. Export a network: a model "
            "with 'epochs'."
        )
    if kind == "onnx" and not (find_spec("onnx") and find_spec("onnxruntime")):
        raise UserError("ONNX needs two more packages. Run `pip install onnx onnxruntime`.")
    with console.quiet_imports():
        from pipelines import project_models
        from pipelines.data import parquet
        from pipelines.layers import threads
    threads.use_threads(config.threads)
    trained = project_models.load(config, name)
    test = parquet.read_parquet(paths.test_frame(entry.corpus))
    texts = list(test[next(iter(trained.vocabularies.columns))][:CHECKED])
    with console.only_json(as_json), files.atomic_write(folder) as temporary:
        if kind == "onnx":
            details = _write_onnx(trained, temporary, texts, paths.vocabulary(entry.corpus))
        else:
            details = _write_saved_model(trained, temporary, texts)
    if as_json:
        facts = {"model": name, "format": kind, "folder": str(folder), "texts": len(texts)}
        console.print_json(facts | details)
        return
    detail = f", logits within {details['difference']:.0e}" if kind == "onnx" else ""
    console.echo(f"{folder}: same answers as {name} to {len(texts)} test texts{detail}")


def _write_saved_model(trained: Predictor, folder: Path, texts: list[str]) -> dict[str, float]:
    with console.quiet_imports():
        from pipelines.export import saved_model

        saved_model.write(trained, folder)
    different = saved_model.differences(trained, folder, texts)
    if different:
        examples = "; ".join(ascii(text) for text in different[:SHOWN])
        raise UserError(
            f"The SavedModel answers {len(different)} of {len(texts)} texts otherwise than the "
            f"model, so it is not written: {examples}. Report this as an error of seqproof."
        )
    return {}


def _write_onnx(
    trained: Predictor, folder: Path, texts: list[str], vocabulary: Path
) -> dict[str, float]:
    with console.quiet_imports():
        from pipelines.export import onnx_model

    folder.mkdir()
    onnx_model.write(trained, folder, vocabulary)
    difference = onnx_model.largest_difference(trained, folder, texts)
    if not difference <= onnx_model.TOLERANCE:
        raise UserError(
            f"The logits of the ONNX model differ from those of the model by {difference:.2g}, so "
            "it is not written. Report this as an error of seqproof."
        )
    return {"difference": difference}


def _check_folder(folder: Path) -> None:
    is_export = any((folder / sign).is_file() for sign in SIGNS)
    if folder.exists() and not is_export and (folder.is_file() or any(folder.iterdir())):
        raise UserError(f"{folder} exists and holds something else. Choose another --output.")
