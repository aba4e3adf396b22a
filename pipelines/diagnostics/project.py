"""Whether the project in a folder can be run, and its results told from each other."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

from pipelines.config import params
from pipelines.diagnostics.results import Checks, Diagnostic, one_line
from pipelines.errors import UserError
from pipelines.lineage import dvc_project
from pipelines.lineage import git as git_project
from pipelines.tracking import store

NONE = "there is no project in this folder"


def checks(values: Path, stages: Path, lock: Path) -> Checks:
    """All of a project; outside one only Git is looked for, which `seqproof new` needs.

    Args:
        values: its parameters.
        stages: its graph; the folder is no project if neither is there.
        lock: what DVC wrote of its results.
    """
    if values.exists() or stages.exists():
        return {
            "git": partial(git, values.parent),
            "dvc.lock": partial(results, lock),
            "params.yaml": partial(parameters, values),
            "graph": dvc,
            "store": partial(runs, values.parent),
        }
    others = ("dvc.lock", "params.yaml", "graph", "store")
    return {"git": partial(git, None), **dict.fromkeys(others, partial(Diagnostic, NONE))}


def git(root: Path | None) -> Diagnostic:
    """The commit that results are told from, and whether code or parameters differ from it."""
    if shutil.which("git") is None:
        return Diagnostic("not installed", "failed", "install it: DVC and `new` need it")
    if root is None:
        return Diagnostic(NONE)
    state = git_project.git_state(root)
    commit, dirty = state["git_commit"], state["git_dirty"] == "true"
    if commit == "none":
        mend = "commit the project: a result is known by the commit that it came from"
        return Diagnostic("no repository, or nothing committed yet", "warning", mend)
    if dirty:
        found = f"commit {commit[:12]}, and code or parameters differ from it"
        return Diagnostic(found, "warning", "commit them; `git status` names them")
    return Diagnostic(f"commit {commit[:12]}, code and parameters as they stand there")


def results(lock: Path) -> Diagnostic:
    """Whether the hashes of all results are in the commit."""
    if not lock.is_file():
        return Diagnostic("not there yet: nothing has run")
    if git_project.is_committed(lock):
        return Diagnostic("committed")
    mend = f"`git add {lock.name}` and commit it: it holds the hashes of all results"
    return Diagnostic("not in the commit as it stands", "warning", mend)


def parameters(values: Path) -> Diagnostic:
    """Whether `params.yaml` is sound."""
    try:
        found = params.load(values)
    except UserError as refusal:
        mend = "change it; `seqproof check` looks at it again"
        return Diagnostic(one_line(refusal), "failed", mend)
    return Diagnostic(f"sound; corpora: {len(found.corpora)}, models: {len(found.models)}")


def dvc() -> Diagnostic:
    """Whether DVC can read the project of the current folder."""
    try:
        return Diagnostic(f"DVC reads it; stages: {len(dvc_project.stage_names(Path()))}")
    except UserError as refusal:
        mend = "change what it names, or take it back from Git"
        return Diagnostic(one_line(refusal), "failed", mend)


def runs(root: Path) -> Diagnostic:
    """Whether the store of runs can be reached."""
    try:
        return Diagnostic(store.ping(root))
    except UserError as refusal:
        mend = (
            "see that it is there and lets you in, or name another in MLFLOW_TRACKING_URI; "
            "until then trainings run, and nothing is kept of their runs"
        )
        return Diagnostic(one_line(refusal), "failed", mend)
