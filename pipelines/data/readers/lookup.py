"""Lookup of the readers: every module of this package but the helpers in `NO_READERS`."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Annotated, Any, Union, get_args

from pydantic import Field

import pipelines.data.readers as package
from pipelines.data.readers.base import CorpusReader

NO_READERS = ("base", "containers", "lookup", "separated", "text_files", "typed_values")


def find_readers(*, exclude: str = "") -> dict[str, type[CorpusReader]]:
    """Return the reader class of each module, by the format that it reads.

    Args:
        exclude: a module to leave out: the one that asks, which is not imported yet.

    Raises:
        TypeError: a module without a `READER`, or whose `format` is not the module's name.
    """
    readers = {}
    for module in pkgutil.iter_modules(package.__path__):
        if module.name not in (*NO_READERS, exclude):
            imported = importlib.import_module(f"{package.__name__}.{module.name}")
            reader = getattr(imported, "READER", None)
            if not (isinstance(reader, type) and issubclass(reader, CorpusReader)):
                raise TypeError(f"{imported.__file__}: READER must be a subclass of CorpusReader")
            if get_args(reader.model_fields["format"].annotation) != (module.name,):
                raise TypeError(f"{imported.__file__}: format must be Literal['{module.name}']")
            readers[module.name] = reader
    return readers


def union(readers: Iterable[type[CorpusReader]]) -> Any:
    """Return the type of a params.yaml value that is one of the readers, by its `format`."""
    return Annotated[Union[tuple(readers)], Field(discriminator="format")]  # noqa: UP007
