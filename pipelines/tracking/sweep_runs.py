"""Runs of a sweep: one for the sweep, and below it one for each trial.

They have an experiment of their own, so that the lists of a corpus show its models only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.config.params import Params
from pipelines.tracking.epoch_logger import EpochLogger
from pipelines.tracking.runs import Run, RunIdentity, closing

SWEEP = "seqproof.sweep"  # tag of both kinds of runs: the trials that belong together
KIND = "sweep"
STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


class SweepRuns:
    """Runs of a sweep.

    Args:
        identity: names of the sweep's run.
        key: the same for all trials that belong together.
        root: the project's root.
    """

    def __init__(self, identity: RunIdentity, key: str, root: Path) -> None:
        self._identity, self._key, self._root = identity, key, root
        self.run = Run(identity, root, KIND)
        self.run.open(SWEEP, key, {}, overwrite=True)

    def log_trial(
        self,
        number: int,
        state: str,
        parameters: Mapping[str, object],
        rows: Sequence[Mapping[str, float]],
        results: Mapping[str, float],
    ) -> None:
        """Log a trial that has ended; the run of an interrupted one is continued.

        Args:
            number: of the trial.
            state: `complete`, `pruned` or `failed`.
            parameters: of its model.
            rows: of its history.
            results: its best values.
        """
        run = Run(self._identity, self._root, KIND)
        child, failure = f"trial {number}", self.run.failure
        run.open(SWEEP, self._key, {}, overwrite=True, child=child, failure=failure)
        run.set_tags({"sweep": self._identity.name, "trial": str(number), "state": state})
        run.log_params(parameters)
        logger = EpochLogger(run)
        for row in rows:
            logger.log_row(row)
        run.log_metrics(results)
        run.close(STATUS[state])


@contextmanager
def sweep_runs(config: Params, name: str, key: str, root: Path) -> Iterator[SweepRuns]:
    """Open the run of a sweep; a sweep that goes on continues the same run.

    Args:
        config: params.yaml.
        name: of the sweep.
        key: the same for all trials that belong together.
        root: the project's root.
    """
    sweep = config.sweeps[name]
    corpus = config.models[sweep.model].corpus
    experiment = f"{config.tracking.experiment_prefix}sweeps/{name}"
    identity = RunIdentity(experiment, name, corpus, config.corpora[corpus].task)
    runs = SweepRuns(identity, key, root)
    with closing(runs.run):
        runs.run.set_tags({"sweep": name, "model": sweep.model})
        runs.run.log_params(sweep.model_dump(mode="json", exclude_none=True))
        yield runs
