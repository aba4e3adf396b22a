"""Rows of the training history that a stage hands to the process that started it, as it trains."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

VARIABLE = "SEQPROOF_EPOCHS"  # environment variable with the file; without it no row is written


def append(row: Mapping[str, float]) -> None:
    """Append a row to the file that the environment names, if it names any."""
    file = os.environ.get(VARIABLE)
    if file:
        with suppress(OSError), Path(file).open("a", encoding="utf-8") as lines:
            lines.write(json.dumps({key: float(value) for key, value in row.items()}) + "\n")


class EpochRows:
    """Reader of the rows while they are written.

    Args:
        file: the file, which need not exist yet; an old one is removed.
    """

    def __init__(self, file: Path) -> None:
        self.file = file.absolute()
        self.file.unlink(missing_ok=True)
        self._position = 0

    def read(self) -> list[str]:
        """Return the rows written since the last call, each as JSON."""
        with suppress(FileNotFoundError), self.file.open("rb") as file:
            file.seek(self._position)
            *lines, rest = file.read().split(b"\n")
            self._position = file.tell() - len(rest)
            return [line.decode() for line in lines]
        return []
