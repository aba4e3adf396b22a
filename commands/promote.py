"""`seqproof promote`: register a model in MLflow under an alias."""

from __future__ import annotations

from pathlib import Path

from pipelines import console, paths
from pipelines.config import params
from pipelines.errors import UserError, suggest
from pipelines.evaluation import significance
from pipelines.lineage import compared_models, snapshots, tracked_runs
from pipelines.tracking import registry, run_store
from pipelines.tracking.run_store import RunRecord, RunStore
from pipelines.verification import verify_targets


def promote(target: str, alias: str, as_json: bool = False) -> None:
    """Give a model an alias in its corpus, if it is better than the model that has the alias.

    Args:
        target: a model of params.yaml, or the first characters of a run's id.
        alias: `champion`, for instance.
        as_json: print JSON instead of text.

    Raises:
        UserError: the target does not exist, was not evaluated, or is not better.
    """
    root = console.root()
    models = params.load(root / paths.PARAMS).models
    registry.require_alias(alias)
    store = run_store.open_store(root)
    with run_store.exclusive_lock(root):
        if target in models:
            run: RunRecord | None = _run_of_model(target, store)
        else:
            run = tracked_runs.find_run(target, store.runs)
        if run is None:
            raise UserError(f"'{target}' is neither a model nor a run{suggest(target, models)}.")
        _promote(run, alias, root, store, as_json)


def _run_of_model(name: str, store: RunStore) -> RunRecord:
    """Return the run that evaluated the model in the project's folder."""
    with snapshots.open_snapshot(console.root()) as snapshot:
        target = verify_targets.of_model(name, snapshot, store)
        stage = target.stages[-1]
        run = target.run_of(stage)
    if run is None:
        raise UserError(
            f"No run has evaluated model '{name}' as it is in this folder. "
            f"Run `seqproof run {stage}`."
        )
    return run


def _promote(run: RunRecord, alias: str, root: Path, store: RunStore, as_json: bool) -> None:
    name = registry.registered_name(run)
    model = store.logged_model(run)
    if model is None:
        raise UserError(
            f"Run {run.short_id} ({run.name}) has no logged model. Run `seqproof "
            f"evaluate {run.name}`."
        )
    replaced = ""
    holder = registry.holder(store, name, alias)
    if holder is not None and holder.run_id != run.id:
        champion = next((record for record in store.runs if record.id == holder.run_id), None)
        if champion is None:
            raise UserError(
                f"Version {holder.version} of {name} has the alias {alias}, but its run was "
                "deleted, so the models cannot be compared. Remove the alias in MLflow first."
            )
        replaced = _require_better(run, champion, f"the {alias} of {name}", root, store)
    version = registry.promote(store, run, model.id, alias)
    uri = f"models:/{name}@{alias}"
    if as_json:
        content = {"model": run.name, "run": run.id, "registered_model": name}
        console.print_json(content | {"version": version, "alias": alias, "uri": uri})
        return
    console.echo(
        f"{run.name} of run {run.short_id} is version {version} of {name} and its {alias}: {uri}"
    )
    if replaced:
        console.echo(replaced)


def _require_better(
    run: RunRecord, champion: RunRecord, role: str, root: Path, store: RunStore
) -> str:
    """Compare two runs as `seqproof compare` does, by the task's deciding metric.

    Returns:
        A sentence about the model that is replaced.

    Raises:
        UserError: the new model is not better.
    """
    with snapshots.open_snapshot(root) as snapshot:
        ((baseline, candidate),) = compared_models.resolve_versions(
            [champion.id, run.id], root, snapshot, store
        )
        frames = baseline.items(), candidate.items()
    result = significance.compare(frames, baseline.corpus)[0][0]
    if result.verdict != "better":
        raise UserError(
            f"{run.name} of run {run.short_id} does not become {role}, which is {champion.name} of "
            f"run {champion.short_id}, because it is not better: {result.summary}. Run `seqproof "
            f"compare {champion.short_id} {run.short_id}` for details."
        )
    return f"It replaces {champion.name} of run {champion.short_id}: {result.summary}."
