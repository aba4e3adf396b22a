"""Proposals: the values of the next trial, from the seed and the earlier trials alone.

A tree-structured Parzen estimator proposes them (Bergstra et al. 2011; Optuna's TPESampler). Its
state is the earlier trials: each proposal has a sampler of its own, seeded by the sweep's seed and
the number of the trial, so that an interrupted sweep goes on as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import optuna
from optuna.samplers import TPESampler
from optuna.trial import FrozenTrial

from pipelines.config.sweeps import Direction
from pipelines.errors import UserError
from pipelines.sweeps import space as spaces
from pipelines.sweeps.space import Space

ATTEMPTS = 100  # to propose values that are new and valid
DIRECTIONS: Mapping[Direction, Literal["minimize", "maximize"]] = {
    "lower": "minimize",
    "higher": "maximize",
}


def propose(
    space: Space,
    seed: int,
    number: int,
    trials: Sequence[FrozenTrial],
    direction: Direction,
    check: Callable[[Mapping[str, Any]], None],
) -> dict[str, Any] | None:
    """Return Optuna's values for the next trial; None if the space has no others.

    Args:
        space: of the sweep.
        seed: of the sweep.
        number: of the trial.
        trials: the earlier trials, those that still run included.
        direction: better side of the metric.
        check: raises UserError for Optuna's values that params.yaml must not have.

    Raises:
        UserError: no values that were drawn are valid.
    """
    earlier = [trial.params for trial in trials]
    if len(earlier) == spaces.size(space):
        return None
    problem: UserError | None = None
    for attempt in range(ATTEMPTS):
        drawn = _draw(space, (seed, number, attempt), trials, direction)
        if drawn in earlier:
            continue
        try:
            check(drawn)
        except UserError as error:
            problem = error
        else:
            return drawn
    if problem is not None:
        raise problem
    return None


def _draw(
    space: Space, seed: tuple[int, ...], trials: Sequence[FrozenTrial], direction: Direction
) -> dict[str, Any]:
    (state,) = np.random.SeedSequence(seed).generate_state(1)
    # In memory, and without a pruner: Optuna's Hyperband would hide trials from the sampler.
    study = optuna.create_study(
        sampler=TPESampler(seed=int(state)),
        pruner=optuna.pruners.NopPruner(),
        direction=DIRECTIONS[direction],
    )
    study.add_trials(trials)
    return spaces.rounded(space, study.ask(spaces.distributions(space)).params)
