"""The space of a sweep in Optuna's terms: distributions, and values that params.yaml can hold."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import TrialState, create_trial

from pipelines.config.sweeps import NumericRange

DIGITS = 4  # significant digits of a number that is drawn from a range without steps
Space = Mapping[str, NumericRange | tuple[Any, ...]]


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the distribution of each parameter; that of a list is over its positions."""
    return {key: _distribution(parameter) for key, parameter in space.items()}


def decode(space: Space, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values for params.yaml that Optuna's values stand for."""
    return {
        key: parameter[drawn[key]] if isinstance(parameter, tuple) else drawn[key]
        for key, parameter in space.items()
    }


def encode(space: Space, values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return Optuna's values for values of params.yaml; None if the space lacks one of them."""
    drawn: dict[str, Any] = {}
    for key, parameter in space.items():
        value = values[key]
        if isinstance(parameter, tuple):
            choices = [_comparable(choice) for choice in parameter]
            if _comparable(value) not in choices:
                return None
            drawn[key] = choices.index(_comparable(value))
        elif value is None:
            return None
        else:
            drawn[key] = value if parameter.is_integer else float(value)
    try:
        create_trial(state=TrialState.RUNNING, params=drawn, distributions=distributions(space))
    except ValueError:  # out of a range, or between its steps
        return None
    return drawn


def rounded(space: Space, drawn: Mapping[str, Any]) -> dict[str, Any]:
    """Return drawn values with a few digits, as a person would write them."""
    return {key: _rounded(space[key], value) for key, value in drawn.items()}


def size(space: Space) -> int | None:
    """Return the number of different values of the space; None if it has a continuous range."""
    count = 1
    for parameter in space.values():
        if isinstance(parameter, tuple):
            count *= len(parameter)
        elif parameter.step is not None or parameter.is_integer:
            count *= round((parameter.high - parameter.low) / (parameter.step or 1)) + 1
        else:
            return None
    return count


def _distribution(parameter: NumericRange | tuple[Any, ...]) -> BaseDistribution:
    if isinstance(parameter, tuple):
        return CategoricalDistribution(tuple(range(len(parameter))))
    low, high, log, step = parameter.low, parameter.high, parameter.log, parameter.step
    if parameter.is_integer:
        return IntDistribution(int(low), int(high), log, int(step or 1))
    return FloatDistribution(low, high, log, step)


def _rounded(parameter: NumericRange | tuple[Any, ...], value: Any) -> Any:
    if isinstance(parameter, tuple) or parameter.is_integer:
        return value
    digits = DIGITS if parameter.step is None else 12  # low + n * step has noise in the last digits
    return min(max(float(f"{value:.{digits}g}"), parameter.low), parameter.high)


def _comparable(value: Any) -> str:
    """Return a value as JSON: True differs from 1 there, and a tuple equals a list."""
    return json.dumps(value)
