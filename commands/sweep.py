"""`seqproof sweep`: search for better parameters of a model."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from commands import execution, run, sweep_apply
from pipelines import console, files, paths
from pipelines.config import params, sweeps
from pipelines.config.params import Params, Sweep
from pipelines.console import LiveTable
from pipelines.errors import UserError, suggest
from pipelines.lineage import dvc_project, project_copy, reproduction
from pipelines.lineage.stages import Inputs
from pipelines.reporting import sweep_section
from pipelines.scheduling import exclusive, gpus, plan
from pipelines.scheduling.children import Children, Send, StopSignals
from pipelines.scheduling.jobs import StageJob
from pipelines.sweeps import confirmation, variants
from pipelines.sweeps import result as results
from pipelines.sweeps.job_pool import JobPool, Row
from pipelines.sweeps.journal import Journal
from pipelines.sweeps.result import SweepResult, Trial
from pipelines.sweeps.search import SweepSearch
from pipelines.sweeps.search_screen import SearchScreen
from pipelines.tracking import sweep_runs
from pipelines.tracking.runs import OFF, TRACKING
from pipelines.tracking.sweep_runs import SweepRuns

SHOWN = 5  # trials in the table at the end


def sweep(
    name: str,
    jobs: int | None,
    as_json: bool = False,
    scheduler: str | None = None,
    slurm: bool = False,
) -> None:
    """Search for better parameters of a model, and compare the best with the starting point.

    Args:
        name: of a sweep of params.yaml, or of a model that has one sweep.
        jobs: number of trials at a time; by default one, or the number of workers.
        as_json: print JSON at the end, and all other messages on standard error.
        scheduler: address of a Dask scheduler, whose workers run the trials.
        slurm: run the trials in jobs of SLURM, as many as `jobs` says.

    Raises:
        UserError: there is no such sweep, or trials fail.
        Interrupted: a signal has stopped the search.
        Exit: with 1, if a stage that the trials need has failed.
    """
    root = console.root()
    config = params.load(paths.PARAMS)
    name = select(config, name)
    with console.only_json(as_json):
        cluster = execution.slurm_scheduler(jobs or 1) if slurm else nullcontext(scheduler)
        with cluster as address:
            result = _Session(root, config, name, jobs, address).run()
        _print_summary(result)
    if as_json:
        console.print_json(asdict(result))


def apply(name: str, force: bool, as_json: bool = False) -> None:
    """Write the winner's parameters into params.yaml.

    Args:
        name: of a sweep, or of a model that has one.
        force: write them although the winner is not better than the starting point.
        as_json: print JSON instead of text.

    Raises:
        UserError: there is no such sweep, or nothing to write.
    """
    config = params.load(paths.PARAMS)
    sweep_apply.apply(config, select(config, name), console.root(), force, as_json)


def select(config: Params, name: str) -> str:
    """Return the name of a sweep.

    Args:
        config: params.yaml.
        name: of the sweep, or of a model that has one.

    Raises:
        UserError: there is no such sweep, or the model has several.
    """
    if name in config.sweeps:
        return name
    matches = [other for other, entry in config.sweeps.items() if entry.model == name]
    if len(matches) > 1:
        raise UserError(f"'{name}' has several sweeps. Name one of them: {', '.join(matches)}.")
    if not matches and name in config.models:
        raise UserError(
            f"params.yaml has no sweep of the model {name}. Define one under `sweeps`, as "
            "docs/sweeps.md of seqproof shows."
        )
    if not matches:
        hint = suggest(name, config.sweeps)
        raise UserError(f"params.yaml has no sweep '{name}'{hint}. docs/sweeps.md describes them.")
    return matches[0]


class _Session:
    """A sweep of a project, from its first to its last job.

    Args:
        root: the project's root.
        config: params.yaml.
        name: of the sweep.
        jobs: number of trials at a time; None for one, or the number of workers.
        scheduler: address of a Dask scheduler; None for this machine.
    """

    def __init__(
        self, root: Path, config: Params, name: str, jobs: int | None, scheduler: str | None
    ) -> None:
        self._root, self._config, self._name = root, config, name
        self._stop = StopSignals()
        self._jobs, self._scheduler = jobs or 1, scheduler
        self._counts_workers = scheduler is not None and jobs is None
        self._devices = [] if scheduler else gpus.choose(None)
        if self._devices:  # each trial has one to itself
            self._jobs = min(self._jobs, len(self._devices))
        self._sweep: Sweep = config.sweeps[name]
        self._entry = config.models[self._sweep.model]
        self._stage = paths.training_stage(config, self._sweep.model)
        self._text = (root / paths.PARAMS).read_text(encoding="utf-8")
        self._folder = execution.FOLDER / "sweeps" / name

    def run(self) -> SweepResult:
        """Run what is left of the sweep, and write its result."""
        stop = self._stop
        with (
            exclusive.only_run(self._folder / "lock", f"seqproof sweep {self._name}"),
            stop.recorded(),
            Children(execution.FOLDER / "logs") as children,
        ):
            self._remove_copies()
            reproduction.load_dvc()
            if self._scheduler and self._counts_workers:
                self._jobs = execution.count_workers(children, self._scheduler, stop) or 1
            order = self._prepare(children, stop)
            inputs = self._inputs(children, stop)
            with self._pool(children, order, stop) as pool, LiveTable() as table:
                result = self._search(inputs, pool, table)
                self._remove_checkpoints(inputs, result, children)
                results.write(paths.sweep(self._name), result)  # the comparison may fail
                comparison = confirmation.confirm(
                    self._config, result, self._root, pool, self._jobs, table, self._variant
                )
                execution.raise_if_stopped(stop, "before the comparison on the test split")
        result = replace(result, comparison=comparison)
        results.write(paths.sweep(self._name), result)
        if comparison is not None:
            key = variants.key(self._config, self._sweep, inputs)
            with sweep_runs.sweep_runs(self._config, self._name, key, self._root) as runs:
                runs.run.log_metrics(confirmation.metrics(comparison))
        return result

    def _remove_copies(self) -> None:
        """Remove the copies of the project that jobs of a killed process have left."""
        jobs = r"trial-\d+|(start|winner)-(training|evaluation)"
        for folder in (self._root / project_copy.COPIES).glob(f"{self._name}-*"):
            if re.fullmatch(f"{self._name}-({jobs})", folder.name):
                files.remove(folder)

    def _prepare(self, children: Children, stop: StopSignals) -> list[str]:
        """Run the outdated stages that the training needs; return the names of all stages."""
        surveyed = execution.survey(self._root, children, stop)
        needs = [name for name in plan.select([self._stage], surveyed) if name != self._stage]
        if plan.schedule_stages(needs, surveyed, {}):
            run.run(needs, None, None, scheduler=self._scheduler)
        return list(surveyed)

    def _inputs(self, children: Children, stop: StopSignals) -> Inputs:
        """Return the inputs of the training; DVC hashes them in a process of its own."""

        def main(send: Send) -> None:
            inputs = dvc_project.inputs(self._stage, self._root)
            assert inputs is not None
            send(json.dumps(asdict(inputs)))

        return Inputs(**json.loads(execution.ask(children, "inputs", main, stop)))

    @contextmanager
    def _pool(
        self, children: Children, order: Sequence[str], stop: StopSignals
    ) -> Iterator[JobPool]:
        with execution.open_executor(self._root, children, order, self._scheduler) as (
            executor,
            server,
        ):
            yield JobPool(executor, stop, {**server, TRACKING: OFF}, self._devices)

    def _search(self, inputs: Inputs, pool: JobPool, table: LiveTable) -> SweepResult:
        key = variants.key(self._config, self._sweep, inputs)
        space = sweeps.search_space(self._sweep, self._entry)
        start = sweeps.starting_values(self._sweep, self._entry)
        file = self._folder / f"{key}.journal"
        journal = Journal(file, self._sweep, space, start, getattr(self._entry, "epochs", 1))
        screen = SearchScreen(table, self._sweep, self._jobs, journal.results())
        with sweep_runs.sweep_runs(self._config, self._name, key, self._root) as runs:
            observer = _TrackedScreen(
                screen, runs, self._sweep, self._parameters, partial(self._discard, inputs)
            )
            SweepSearch(
                self._name,
                self._sweep,
                space,
                journal,
                pool,
                self._jobs,
                self._job,
                paths.history(self._sweep.model).as_posix(),
                observer,
            ).run()
            execution.raise_if_stopped(self._stop, f"after {len(journal.results())} trials")
        return self._result(journal)

    def _checkpoint_key(self, inputs: Inputs, values: Mapping[str, Any]) -> str:
        """Return the name of the folder with the checkpoints of a trial."""
        return variants.trial_inputs(self._config, self._sweep.model, inputs, values).input_hash

    def _discard(self, inputs: Inputs, values: Mapping[str, Any]) -> None:
        """Remove the checkpoint that a training has written when it was stopped."""
        key = self._checkpoint_key(inputs, values)
        files.remove(execution.FOLDER / "checkpoints" / self._stage / key)

    def _remove_checkpoints(self, inputs: Inputs, result: SweepResult, children: Children) -> None:
        """Remove the checkpoints of trials that were stopped early.

        A process that was killed may have left some here, and workers have uploaded others.
        """
        pruned = [trial.values for trial in result.trials if trial.state == "pruned"]
        for values in pruned:
            self._discard(inputs, values)
        if self._scheduler is None or not pruned:
            return
        from pipelines.cluster import checkpoint_exchange

        keys = [self._checkpoint_key(inputs, values) for values in pruned]

        def main(send: Send) -> None:
            checkpoint_exchange.discard(self._root, self._stage, keys)
            send("removed")

        execution.ask(children, "exchange", main, self._stop)

    def _job(self, values: Mapping[str, Any]) -> StageJob:
        """Return the training with some values."""
        return StageJob(self._stage, self._variant(sweeps.trial_values(values)))

    def _variant(self, changes: Mapping[str, Any]) -> str:
        """Return a params.yaml with changes of the model's entry."""
        return variants.variant(self._text, self._config, self._sweep.model, changes)

    def _parameters(self, values: Mapping[str, Any]) -> dict[str, object]:
        """Return the parameters of a trial's model."""
        entry = self._entry.model_dump(mode="json", exclude_none=True)
        return sweeps.changed(entry, sweeps.trial_values(values))

    def _result(self, journal: Journal) -> SweepResult:
        sweep = self._sweep
        return SweepResult(
            sweep=self._name,
            model=sweep.model,
            metric=sweep.metric,
            direction=sweep.direction,
            seed=sweep.seed,
            pruner=sweep.pruner,
            planned=sweep.trials,
            space=sweep.model_dump(mode="json", exclude_none=True)["parameters"],
            start=journal.start,
            stage={"name": self._stage, **journal.stage},
            trials=journal.results(),
            importances=journal.importances(),
        )


class _TrackedScreen:
    """Observer of a search that shows the trials, and logs them to MLflow."""

    def __init__(
        self,
        screen: SearchScreen,
        runs: SweepRuns,
        sweep: Sweep,
        parameters: Callable[[Mapping[str, Any]], Mapping[str, object]],
        discard: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._screen, self._runs, self._sweep = screen, runs, sweep
        self._parameters = parameters
        self.draw, self.fail, self.discard = screen.draw, screen.fail, discard

    def end(self, trial: Trial, rows: Sequence[Row], seconds: float) -> None:
        """Report the end of a trial."""
        self._screen.end(trial, rows, seconds)
        metrics = {} if trial.value is None else {f"best_{self._sweep.metric}": trial.value}
        self._runs.log_trial(
            trial.number, trial.state, self._parameters(trial.values), rows, metrics
        )


def _print_summary(result: SweepResult) -> None:
    """Print the best trials and what the comparison says."""
    sign = 1.0 if result.direction == "lower" else -1.0
    ranked = sorted(result.complete, key=lambda trial: sign * (trial.value or 0.0))[:SHOWN]
    columns = ["trial", result.metric, *result.space]
    rows = [
        [str(trial.number), f"{trial.value:.4g}", *map(sweep_section.text, trial.values.values())]
        for trial in ranked
    ]
    if rows:
        console.out().print(console.text_table("Best trials", columns, rows))
    for sentence in (*sweep_section.summary(result), *sweep_section.verdict(result)):
        console.echo(sentence)
    if result.comparison is not None and result.comparison.is_better:
        command = f"seqproof sweep {result.sweep} --apply"
        console.echo(f"`{command}` writes the winner's parameters into params.yaml.")
