"""The provenance of a result: the inputs of its stage, Git's state, machine and packages."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines import paths
from pipelines.errors import UserError
from pipelines.files import dump_json
from pipelines.lineage import dvc_project, environment, git, hashing, lockfiles
from pipelines.lineage.stages import Inputs

FOLDER = "provenance"  # among the artifacts of a run
CODE_FOLDERS = ("pipelines", "stages")  # code that stages run
DATA_FOLDERS = (paths.PREPARED, paths.VOCABULARY)  # data that stages read


def inputs(stage: str, root: Path) -> Inputs:
    """Return the inputs of a stage as they are on the disk.

    Outside a DVC project these are hashes of all parameters, of all code and of all prepared data.

    Args:
        stage: its name, for example `train_lstm@shakespeare-lstm`.
        root: the project's root.
    """
    tracked = dvc_project.inputs(stage, root)
    if tracked is not None:
        return tracked
    module, _, name = stage.partition("@")
    code = Path(__file__).parents[2]
    files = {folder: hashing.folder_sha256(code / folder, "*.py") for folder in CODE_FOLDERS}
    for folder in DATA_FOLDERS:
        if (root / folder).is_dir():
            files[folder.as_posix()] = hashing.folder_sha256(root / folder)
    file = root / paths.PARAMS
    params = {file.name: hashing.file_md5(file)} if file.is_file() else {}
    return Inputs(stage, f"python -m stages.{module} {name}".rstrip(), files, params)


def training_inputs(evaluation: Inputs, stage: str, root: Path) -> Inputs | None:
    """Return the inputs of the training whose model an evaluation reads, as dvc.lock has them.

    Args:
        evaluation: inputs of the evaluation.
        stage: name of the training stage.
        root: the project's root.

    Returns:
        None if dvc.lock has no training of this model, or one of other code, data or parameters.
    """
    try:
        training = dvc_project.locked_stage(root, stage)
    except (OSError, UserError):
        return None
    if training is None:
        return None
    model = paths.model(lockfiles.instance(stage)).as_posix()
    read = {**evaluation.files, **evaluation.params}
    made = {**training.deps, **training.inputs.params, model: training.outs.get(model)}
    if model not in read or any(made[name] != read[name] for name in read.keys() & made.keys()):
        return None
    return training.inputs


def record(inputs: Inputs, root: Path, device: Mapping[str, str] | None) -> str:
    """Return the provenance of a stage's outs as JSON.

    Args:
        inputs: of the stage.
        root: the project's root.
        device: device, kernel and threads of TensorFlow; None if the outs came from DVC's cache,
            and the machine is unknown.
    """
    content = {
        "stage": inputs.stage,
        "command": inputs.command,
        "key": inputs.input_hash,
        "files": dict(inputs.files),
        "params": dict(inputs.params),
        "git": git.git_state(root),
        **({} if device is None else environment.current(device)),
    }
    return dump_json(content)


def record_path(kind: str) -> str:
    """Return the artifact path of the record of a run's training or evaluation."""
    return f"{FOLDER}/{kind}.json"


def patch_path(kind: str) -> str:
    """Return the artifact path of the uncommitted changes at a run's training or evaluation."""
    return f"{FOLDER}/{kind}.patch"
