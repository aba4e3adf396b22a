"""Confirmation of a sweep: winner and starting point, trained from fresh seeds and compared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import paths
from pipelines.config import sweeps
from pipelines.config.params import Corpus, Params, Sweep
from pipelines.console import LiveTable
from pipelines.data import parquet
from pipelines.errors import UserError
from pipelines.evaluation import significance
from pipelines.lineage import snapshots
from pipelines.scheduling.jobs import LockedOuts, StageJob
from pipelines.scheduling.screen import duration, outcome
from pipelines.sweeps.comparison import ComparedMetric, Confirmation
from pipelines.sweeps.job_pool import JobEnd, JobPool, Row
from pipelines.sweeps.result import SweepResult

if TYPE_CHECKING:
    import pandas as pd

START, WINNER = "start", "winner"
TITLES = {START: "the starting point", WINNER: "the winner"}
PERIOD = 0.25  # seconds between two drawings of the progress
Outs = list[dict[str, Any]]


class GroupTraining:
    """Training and evaluation of winner and starting point, each from all fresh seeds.

    Args:
        name: of the sweep.
        stages: the stage of the training and that of the evaluation.
        texts: params.yaml of each group.
        pool: runs the jobs.
        jobs: number of jobs at a time.
        table: shows the progress.
    """

    def __init__(
        self,
        name: str,
        stages: tuple[str, str],
        texts: Mapping[str, str],
        pool: JobPool,
        jobs: int,
        table: LiveTable,
    ) -> None:
        self._name, self._stages, self._texts = name, stages, texts
        self._pool, self._jobs, self._table = pool, jobs, table
        self._outs: dict[str, list[LockedOuts]] = {group: [] for group in texts}
        self._rows: dict[str, Row] = {}  # the newest epoch of each running job

    def run(self) -> dict[str, list[LockedOuts]] | None:
        """Run all jobs; return what each has written, or None after a signal.

        Raises:
            UserError: a job has failed.
        """
        waiting = list(self._texts)
        while True:
            while waiting and len(self._rows) < self._jobs and not self._pool.is_stopping:
                self._start(waiting.pop(0))
            if not self._rows:
                return None if self._pool.is_stopping else self._outs
            self._draw()
            for name, event in self._pool.wait(PERIOD):
                if isinstance(event, JobEnd):
                    waiting[:0] = self._end(name, event)
                else:
                    self._rows[name] = event

    def _start(self, group: str) -> None:
        ended = self._outs[group]
        entries = dict(zip(self._stages, (outs.entry for outs in ended), strict=False))
        name = f"{self._name}-{group}-{('training', 'evaluation')[len(ended)]}"
        self._rows[name] = {}
        self._pool.start(name, StageJob(self._stages[len(ended)], self._texts[group], entries))

    def _end(self, name: str, end: JobEnd) -> list[str]:
        """Return the group if it has another stage to run."""
        del self._rows[name]
        group, _, step = name.removeprefix(f"{self._name}-").partition("-")
        if end.state == "stopped" or self._pool.is_stopping:
            return []
        if end.state == "failed" or end.outs is None:
            raise UserError(
                f"The {step} of {TITLES[group]} from fresh seeds has failed: "
                f"{self._pool.problem(name)}"
            )
        self._outs[group].append(end.outs)
        self._report(group, step, end)
        return [group] if len(self._outs[group]) < len(self._stages) else []

    def _report(self, group: str, step: str, end: JobEnd) -> None:
        """Print the end of a job."""
        ended = sum(map(len, self._outs.values()))
        total = len(self._texts) * len(self._stages)
        self._table.echo(
            f"{TITLES[group]}: {step} {outcome(end.state, end.seconds)} ({ended} of {total})"
        )

    def _draw(self) -> None:
        if not self._table.is_shown:
            return
        elapsed = self._pool.elapsed()
        self._table.draw(
            [
                (name.removeprefix(f"{self._name}-"), duration(elapsed[name]), _progress(row))
                for name, row in self._rows.items()
            ]
        )


def confirm(
    config: Params,
    result: SweepResult,
    root: Path,
    pool: JobPool,
    jobs: int,
    table: LiveTable,
    text_of: Callable[[Mapping[str, Any]], str],
) -> Confirmation | None:
    """Train winner and starting point from fresh seeds, and compare them on the test split.

    Args:
        config: params.yaml.
        result: of the search.
        root: the project's root.
        pool: runs the jobs.
        jobs: number of jobs at a time.
        table: shows the progress.
        text_of: returns the text of a params.yaml with changes of the model's entry.

    Returns:
        The comparison; None after a signal, without a winner, or if the starting point has won.

    Raises:
        UserError: a training or an evaluation has failed.
    """
    winner, sweep = result.winner, config.sweeps[result.sweep]
    if winner is None or winner.values == result.start:
        return None
    seeds = ", ".join(map(str, sweep.confirm_seeds))
    table.echo(f"Training the starting point and trial {winner.number} from the seeds {seeds} ...")
    values = {START: result.start, WINNER: winner.values}
    texts = {
        group: text_of(sweeps.confirmation_values(changes, sweep.confirm_seeds))
        for group, changes in values.items()
    }
    stages = (
        paths.training_stage(config, sweep.model),
        paths.evaluation_stage(config, sweep.model),
    )
    ended = GroupTraining(result.sweep, stages, texts, pool, jobs, table).run()
    if ended is None:
        return None
    outs = {
        group: [dict(out) for job in both for out in job.entry["outs"]]
        for group, both in ended.items()
    }
    path = paths.predictions(sweep.model).as_posix()
    predictions = {group: _read(root, path, entries) for group, entries in outs.items()}
    corpus = config.corpora[config.models[sweep.model].corpus]
    return compare(predictions, corpus, sweep, len(result.complete), outs)


def compare(
    predictions: Mapping[str, pd.DataFrame],
    corpus: Corpus,
    sweep: Sweep,
    trials: int,
    outs: Mapping[str, Outs],
) -> Confirmation:
    """Compare the winner of a sweep with the starting point on the test split.

    The winner is the best of many trials, so the level of the test is divided by their number
    (Bonferroni). That is more careful than it has to be: neither the test split nor the seeds had a
    part in the choice. The metric of the test split decides that has the name of the sweep's
    metric, or that of the task if there is none.

    Args:
        predictions: for the test split, of `start` and `winner`, as `evaluate` wrote them.
        corpus: the corpus of both.
        sweep: has the metric, and the seeds of both.
        trials: number of complete trials.
        outs: of the training and the evaluation of both, as in dvc.lock.

    Raises:
        UserError: the predictions are not for the same test items.
    """
    frames = [predictions[START], predictions[WINNER]]
    (results,) = significance.compare(frames, corpus, significance.LEVEL / trials)
    name = sweep.metric.removeprefix("valid_")
    names = (f"test_{name}", f"test_sacre{name}")
    return Confirmation(
        seeds=sweep.confirm_seeds,
        trials=trials,
        level=significance.LEVEL,
        items=len(frames[0]) // len(sweep.confirm_seeds),
        metrics=tuple(
            ComparedMetric(
                key=result.key,
                start=result.first,
                winner=result.second,
                start_seeds=result.first_seeds,
                winner_seeds=result.second_seeds,
                low=result.difference.low,
                high=result.difference.high,
                p=result.p,
                corrected_p=min(1.0, result.p * trials),
                detectable=result.detectable,
                verdict=result.verdict,
            )
            for result in sorted(results, key=lambda result: result.key not in names)
        ),
        outs=dict(outs),
    )


def metrics(comparison: Confirmation) -> dict[str, float]:
    """Return the numbers of a comparison by name, as the run of the sweep shows them."""
    numbers: dict[str, float] = {}
    for metric in comparison.metrics:
        values = {START: metric.start, WINNER: metric.winner, "corrected_p": metric.corrected_p}
        numbers |= {f"{name}_{metric.key}": value for name, value in values.items()}
    return numbers


def _progress(row: Row) -> str:
    if "epoch" not in row:
        return ""
    seed = f"seed {row['seed']:.0f}, " if "seed" in row else ""
    return f"{seed}epoch {row['epoch']:.0f}"


def _read(root: Path, path: str, outs: Outs) -> pd.DataFrame:
    """Read predictions from DVC's cache.

    Raises:
        UserError: they are not in it.
    """
    (md5,) = (out["md5"] for out in outs if out["path"] == path)
    with snapshots.open_snapshot(root) as snapshot:
        return parquet.read_parquet(snapshot.cache_path(md5))
