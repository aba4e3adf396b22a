"""State of the project in a folder: Git, dvc.lock, params.yaml, dvc.yaml and the MLflow store."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from pipelines import paths
from pipelines.config import params
from pipelines.diagnostics.diagnostic import Checks, Diagnostic, one_line
from pipelines.errors import UserError
from pipelines.lineage import dvc_project
from pipelines.lineage import git as git_project
from pipelines.tracking import connection

NO_PROJECT = "this folder has no project"


def checks(root: Path) -> Checks:
    """Return the checks of a project.

    Args:
        root: folder of the project. If it has neither params.yaml nor dvc.yaml, only Git is
            checked, because `seqproof new` needs it.
    """
    if not any((root / file).exists() for file in (paths.PARAMS, paths.DVC_YAML)):
        others = ("dvc.lock", "params.yaml", "graph", "store")
        return {"git": partial(git, None), **dict.fromkeys(others, partial(Diagnostic, NO_PROJECT))}
    return {
        "git": partial(git, root),
        "dvc.lock": partial(lock_file, root / paths.DVC_LOCK),
        "params.yaml": partial(parameters, root / paths.PARAMS),
        "graph": partial(graph, root),
        "store": partial(run_store, root),
    }


def git(root: Path | None) -> Diagnostic:
    """Check that code and parameters are committed; without a project, that Git is installed."""
    if shutil.which("git") is None:
        return Diagnostic("not installed", "failed", "install Git: DVC and `seqproof new` need it")
    if root is None:
        return Diagnostic(NO_PROJECT)
    state = git_project.git_state(root)
    commit, dirty = state["git_commit"], state["git_dirty"] == "true"
    if commit == "none":
        fix = "commit the project: results are identified by their commit"
        return Diagnostic("no repository, or no commit yet", "warning", fix)
    if dirty:
        message = f"commit {commit[:12]}, with uncommitted changes of code or parameters"
        return Diagnostic(message, "warning", "commit them; `git status` lists them")
    return Diagnostic(f"commit {commit[:12]}, without uncommitted changes")


def lock_file(file: Path) -> Diagnostic:
    """Check that dvc.lock, which has the hashes of all results, is committed."""
    if not file.is_file():
        return Diagnostic("does not exist: no stage has run yet")
    if git_project.is_committed(file):
        return Diagnostic("committed")
    fix = f"run `git add {file.name}` and commit it: it has the hashes of all results"
    return Diagnostic("has uncommitted changes", "warning", fix)


def parameters(file: Path) -> Diagnostic:
    """Check that params.yaml is valid."""
    try:
        config = params.load(file)
    except UserError as error:
        fix = "correct it, and run `seqproof check`"
        return Diagnostic(one_line(error), "failed", fix)
    return Diagnostic(f"valid; corpora: {len(config.corpora)}, models: {len(config.models)}")


def graph(root: Path) -> Diagnostic:
    """Check that DVC can read dvc.yaml and dvc.lock."""
    try:
        return Diagnostic(f"valid; stages: {len(dvc_project.stage_names(root))}")
    except UserError as error:
        fix = "correct the file that the message names, or restore it from Git"
        return Diagnostic(one_line(error), "failed", fix)


def run_store(root: Path) -> Diagnostic:
    """Check that the MLflow store can record runs."""
    try:
        return Diagnostic(connection.ping(root))
    except UserError as error:
        fix = (
            "check that the store is running and accepts your credentials, or set "
            "MLFLOW_TRACKING_URI to another store; until then, training queues its runs offline"
        )
        return Diagnostic(one_line(error), "failed", fix)
