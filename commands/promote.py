"""`seqproof promote`: a model into MLflow's registry, under an alias."""

from __future__ import annotations

from pathlib import Path

from pipelines import console
from pipelines.config import params
from pipelines.config.error_messages import nearest
from pipelines.errors import UserError
from pipelines.evaluation import significance
from pipelines.lineage import model_versions, snapshots
from pipelines.tracking import registry, run_store
from pipelines.tracking.run_store import RunRecord, RunStore
from pipelines.verification import verify_targets


def promote(what: str, alias: str) -> None:
    """Give a model an alias among those of its corpus, if it is better than the one that has it.

    Args:
        what: a model of params.yaml, or the beginning of a run's id.
        alias: `champion`, for instance.

    Raises:
        Refusal: nothing is called so, it was not evaluated, or it is not better.
    """
    root = console.root()
    models = params.load(root / "params.yaml").models
    registry.require_alias(alias)
    kept = run_store.of_project(root)
    with run_store.exclusive_lock(root):
        run = _of_model(what, kept) if what in models else verify_targets.find_run(what, kept)
        if run is None:
            raise UserError(f"'{what}' is neither a model nor a run{nearest(what, models)}.")
        _promote(run, alias, root, kept)


def _of_model(name: str, kept: RunStore) -> RunRecord:
    """The run that made what the project's folder has of a model."""
    with snapshots.opened(console.root()) as here:
        run = verify_targets.of_model(name, here, kept).run_of(f"evaluate@{name}")
    if run is None:
        raise UserError(f"'{name}' has no run that evaluated it: `dvc repro evaluate@{name}`.")
    return run


def _promote(run: RunRecord, alias: str, root: Path, kept: RunStore) -> None:
    name = registry.name_of(run)
    logged = kept.logged(run)
    if logged is None:
        raise UserError(
            f"Run {run.short} ({run.name}) logged no model: `dvc repro evaluate@{run.name}` does."
        )
    holder = registry.holder(kept, name, alias)
    if holder is not None and holder.run_id != run.id:
        before = next((one for one in kept.runs if one.id == holder.run_id), None)
        if before is None:
            raise UserError(
                f"The run of version {holder.version} of {name}, which is its {alias}, was "
                "deleted, so nothing can be compared: take the alias away in MLflow first."
            )
        _require_better(run, before, f"the {alias} of {name}", root, kept)
    version = registry.promote(kept, run, logged.id, alias)
    console.echo(
        f"{run.name} of run {run.short} is version {version} of {name} and its {alias}: "
        f"models:/{name}@{alias}"
    )


def _require_better(
    run: RunRecord, before: RunRecord, place: str, root: Path, kept: RunStore
) -> None:
    """As `seqproof compare` finds it, in the measure that decides."""
    with snapshots.opened(root) as here:
        ((first, second),) = model_versions.resolve_versions([before.id, run.id], root, here, kept)
        frames = first.items(), second.items()
    finding = significance.compare(*frames, first.corpus)[0]
    if finding.verdict != "better":
        raise UserError(
            f"{run.name} of run {run.short} does not become {place}, which is {before.name} of run "
            f"{before.short}: {finding.said}, and so not better (`seqproof compare {before.short} "
            f"{run.short}`)."
        )
