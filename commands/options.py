"""Command-line options that replace values of params.yaml for one command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from pipelines.config.error_messages import error_message
from pipelines.config.params import ConfigModel
from pipelines.errors import UserError

S = TypeVar("S", bound=ConfigModel)


def override(section: S, options: Mapping[str, Any]) -> S:
    """Return a copy of a section of params.yaml with some values replaced.

    Args:
        section: the section as params.yaml has it.
        options: new values by key; None keeps the section's own value.

    Raises:
        UserError: an option has an invalid value.
    """
    values = {key: value for key, value in options.items() if value is not None}
    kind = type(section)
    try:
        return kind.model_validate(section.model_dump() | values)
    except ValidationError as error:
        message = error_message(error.errors()[0], values, kind)
        key, _, problem = message.partition(" ")
        raise UserError(f"--{key.replace('_', '-')} {problem}.") from None
