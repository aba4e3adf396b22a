"""Types of the values in `params.yaml`, and the base class of its sections."""

from __future__ import annotations

import pkgutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Tokens = Literal["characters", "words", "spaces", "bpe", "unigram"]
SUB_WORDS: tuple[Tokens, ...] = ("bpe", "unigram")
UnicodeForm = Literal["NFC", "NFD", "NFKC", "NFKD"]
Score = Literal["none", "additive", "dot", "general", "scaled", "coverage"]
Smoothing = Literal["witten_bell", "kneser_ney"]
Pooling = Literal["last", "mean", "max", "attention"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Seeds = Annotated[tuple[Seed, ...], Field(strict=False, min_length=2, max_length=16)]
Count = Annotated[int, Field(ge=1, le=10**9)]
IntAtLeast2 = Annotated[int, Field(ge=2, le=10**9)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Dropout = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Width = Annotated[int, Field(ge=1, le=65536)]  # of a layer; larger values are typing mistakes
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Label = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) is int else value)]
Labels = Annotated[tuple[Label, ...], Field(strict=False, min_length=1)]
Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]


def _modules(folder: str) -> tuple[str, ...]:
    path = Path(__file__).parent / folder
    return tuple(module.name for module in pkgutil.iter_modules([str(path)]))


def cell_names() -> tuple[str, ...]:
    """Return the names of the recurrent cells: the modules of `pipelines/layers/cells`."""
    return _modules("layers/cells")


def task_names() -> tuple[str, ...]:
    """Return the names of the tasks: modules of `pipelines/tasks` except `base` and `lookup`."""
    return tuple(name for name in _modules("tasks") if name not in ("base", "lookup"))


if TYPE_CHECKING:
    Cell = str
    Task = str
else:
    Cell = Literal[cell_names()]
    Task = Literal[task_names()]
TASKS = task_names()


class ConfigModel(BaseModel):
    """Section of `params.yaml`: frozen, without unknown keys or silent type conversions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
