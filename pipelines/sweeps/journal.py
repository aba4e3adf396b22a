"""Journal of a sweep: its trials on disk, whatever stops the process.

It is a study of Optuna in an append-only file. A trial is added with all its values at once before
it starts, and gets its epochs and its state when it has ended: a trial of a killed process is one
that runs, and is run again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from pipelines.config.sweeps import Sweep
from pipelines.errors import UserError
from pipelines.sweeps import space as spaces
from pipelines.sweeps.proposals import DIRECTIONS
from pipelines.sweeps.result import State, Trial
from pipelines.sweeps.space import Space

SECONDS, STAGE, START = "seconds", "stage", "start"  # attributes of the study
FAILURE, OUTS = "failure", "outs"  # attributes of a trial
STATES: Mapping[State, TrialState] = {
    "complete": TrialState.COMPLETE,
    "pruned": TrialState.PRUNED,
    "failed": TrialState.FAIL,
}
LOCK_SUFFIX = ".lock"  # of the link by which Optuna locks the file


class Journal:
    """Journal of a sweep; only one process at a time may open it.

    Args:
        file: of the journal; it need not exist.
        sweep: the entry in params.yaml.
        space: of the sweep.
        start: the starting point, which a new journal records.
        epochs: largest number of epochs of a trial.

    Raises:
        UserError: the file is damaged.
    """

    def __init__(
        self, file: Path, sweep: Sweep, space: Space, start: Mapping[str, Any], epochs: int
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        file.parent.mkdir(parents=True, exist_ok=True)
        Path(f"{file}{LOCK_SUFFIX}").unlink(missing_ok=True)  # of a killed process
        _drop_partial_line(file)
        self._space, self._distributions = space, spaces.distributions(space)
        try:
            self._storage = JournalStorage(JournalFileBackend(str(file)))
            self._study = optuna.create_study(
                storage=self._storage,
                pruner=_pruner(sweep.pruner, epochs),
                study_name="sweep",
                direction=DIRECTIONS[sweep.direction],
                load_if_exists=True,
            )
            if START not in self._study.user_attrs:
                self._study.set_user_attr(START, dict(start))
            self._check(DIRECTIONS[sweep.direction])
        except (ValueError, LookupError, TypeError, AttributeError, AssertionError):
            raise UserError(
                f"{file} is damaged. Delete it: the trials that have ended are taken from DVC's "
                "cache."
            ) from None

    def _check(self, direction: str) -> None:
        """Read all that the journal has; raise an error if something is damaged."""
        self.results()
        directions = [item.name.lower() for item in self._study.directions]
        values = [spaces.decode(self._space, trial.params) for trial in self.trials]
        if (
            directions != [direction]
            or self.start.keys() != self._space.keys()
            or not self.stage.keys() <= {"cmd", "deps"}
            or self.seconds < 0
            or None in [spaces.encode(self._space, item) for item in values]
        ):
            raise ValueError("the journal is not one that a sweep writes")

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials, in the order of their numbers."""
        return self._study.get_trials(deepcopy=False)

    @property
    def stage(self) -> dict[str, Any]:
        """Command and deps of the training stage as in dvc.lock; empty without a complete trial."""
        return dict(self._study.user_attrs.get(STAGE, {}))

    @property
    def start(self) -> dict[str, Any]:
        """The starting point of the sweep, when it was started first."""
        return dict(self._study.user_attrs[START])

    @property
    def seconds(self) -> float:
        """Duration of the sweep in all its processes."""
        return float(self._study.user_attrs.get(SECONDS, 0.0))

    def add(self, drawn: Mapping[str, Any]) -> FrozenTrial:
        """Add a trial.

        Args:
            drawn: Optuna's values of the parameters.
        """
        self._study.add_trial(
            create_trial(
                state=TrialState.RUNNING, params=dict(drawn), distributions=self._distributions
            )
        )
        return self.trials[-1]

    def is_hopeless(self, number: int, epochs: Sequence[float]) -> bool:
        """Return True if a trial should be stopped.

        Args:
            number: of the trial.
            epochs: the metric after each epoch so far.
        """
        trial = self._study.get_trials()[number]
        trial.intermediate_values = dict(enumerate(epochs, start=1))
        return self._study.pruner.prune(self._study, trial)

    def end(self, trial: Trial, entry: Mapping[str, Any], seconds: float) -> None:
        """Record the end of a trial.

        Args:
            trial: the trial.
            entry: of its stage in dvc.lock; empty unless the trial is complete.
            seconds: duration of the sweep so far, in all its processes.
        """
        trial_id = self.trials[trial.number]._trial_id
        for epoch, metric in enumerate(trial.epochs, start=1):
            self._storage.set_trial_intermediate_value(trial_id, epoch, metric)
        for key, value in {FAILURE: trial.failure, OUTS: trial.outs}.items():
            self._storage.set_trial_user_attr(trial_id, key, value)
        self._study.set_user_attr(SECONDS, seconds)
        if entry:
            stage = {"cmd": entry["cmd"], "deps": entry["deps"]}
            self._study.set_user_attr(STAGE, stage)
        values = None if trial.value is None else [trial.value]
        self._storage.set_trial_state_values(trial_id, STATES[trial.state], values)

    def results(self) -> tuple[Trial, ...]:
        """Return the trials that have ended."""
        states: dict[TrialState, State] = {value: key for key, value in STATES.items()}
        return tuple(
            Trial(
                trial.number,
                states[trial.state],
                spaces.decode(self._space, trial.params),
                tuple(trial.intermediate_values.values()),
                trial.value,
                trial.user_attrs[OUTS],
                trial.user_attrs[FAILURE],
            )
            for trial in self.trials
            if trial.state in states
        )

    def importances(self) -> dict[str, float]:
        """Return the share of each parameter in the differences between the complete trials.

        It is PED-ANOVA's (Watanabe et al. 2023), which draws no random numbers.
        """
        complete = self._study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len({trial.value for trial in complete}) < 2:
            return {}
        return optuna.importance.get_param_importances(self._study)


def _pruner(name: str | None, epochs: int) -> optuna.pruners.BasePruner:
    if name == "median":
        return optuna.pruners.MedianPruner()
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner(max_resource=epochs)
    return optuna.pruners.NopPruner()


def _drop_partial_line(file: Path) -> None:
    """Cut off a line that a full disk or a power failure left incomplete."""
    content = file.read_bytes() if file.exists() else b""
    length = content.rfind(b"\n") + 1
    if length < len(content):
        os.truncate(file, length)
