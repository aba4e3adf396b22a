"""Values of params.yaml that a person changes for one command."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from pipelines.config.error_messages import error_message
from pipelines.config.params import ConfigModel
from pipelines.errors import UserError

S = TypeVar("S", bound=ConfigModel)


def changed(section: S, given: Mapping[str, Any]) -> S:
    """A section with the values given; None stands for what was not.

    Raises:
        Refusal: the option that cannot have its value.
    """
    options = {key: value for key, value in given.items() if value is not None}
    kind = type(section)
    try:
        return kind.model_validate(section.model_dump() | options)
    except ValidationError as error:
        said = error_message(error.errors()[0], options, kind)
        key, _, problem = said.partition(" ")
        raise UserError(f"--{key.replace('_', '-')} {problem}.") from None
