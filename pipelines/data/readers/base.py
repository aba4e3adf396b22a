"""Base class of the readers, and how they decode files."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from pipelines.errors import UserError, did_you_mean
from pipelines.types import ConfigModel, Task

Row = tuple[str | int, ...]  # document, line, and the text of each column of the task


class CorpusReader(ConfigModel):
    """Values of `corpora.<name>.reader` in params.yaml, and the rows that they make of raw files.

    A reader is one module of this package: its name is the value of `format`, and its constant
    `READER` the class. Nothing else has to name it.

    Attributes:
        format: value of `reader.format`, a `Literal` in each reader.
        tasks: tasks that the reader gives rows for.
        single_files: whether each file is read on its own, so that `by_file` may name the reader.
    """

    format: str
    tasks: ClassVar[tuple[Task, ...]]
    single_files: ClassVar[bool] = True

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check that the reader gives rows for a task.

        Args:
            task: of the corpus.
            columns: of the task.

        Raises:
            ValueError: it does not; the message names the key.
        """
        if task not in self.tasks:
            raise ValueError(
                f"'reader.format: {self.format}' is for {' or '.join(self.tasks)}, and this corpus "
                f"is for {task}"
            )

    @property
    def groups(self) -> Mapping[str, str]:
        """Groups of rows with scores of their own, and the word that begins their first text."""
        return {}

    def check_given_split(self) -> None:
        """Check that `split.method: given` is possible: the column `document` names raw files.

        Raises:
            ValueError: it does not; the message names the key.
        """

    def check_files(self, files: Sequence[Path]) -> None:
        """Check that all raw files of a corpus can be read.

        Raises:
            UserError: a file is missing, or there is no reader for it.
        """

    def read(self, files: Sequence[Path], columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows of files that belong together.

        Args:
            files: in the order of params.yaml, or by name.
            columns: of the task.

        Raises:
            UserError: a file is damaged or in another format; the message names file and line.
        """
        for file in files:
            yield from self.read_file(file, columns)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows of one file; see `read`."""
        raise NotImplementedError


def check_names(names: Iterable[str], files: Sequence[Path], key: str) -> None:
    """Check that a key of a corpus names every raw file and no other.

    Args:
        names: file names under the key.
        files: the raw files.
        key: for the message.

    Raises:
        UserError: a name without a file, or a file without a name.
    """
    raw, listed = [file.name for file in files], list(names)
    for name in listed:
        if name not in raw:
            raise UserError(
                f"'{key}' names '{name}', but 'source' has no such file{did_you_mean(name, raw)}."
            )
    for name in raw:
        if name not in listed:
            raise UserError(
                f"'source' has the file '{name}', but '{key}' does not name it: add it there, or "
                "remove it from 'source'."
            )


def read_text(file: Path) -> str:
    """Return the text of a UTF-8 file, decompressed if its name ends in `.gz`.

    Raises:
        UserError: the file is empty, no UTF-8 or no gzip.
    """
    data = file.read_bytes()
    if file.suffix == ".gz":
        try:
            data = gzip.decompress(data)
        except (OSError, EOFError) as error:
            raise UserError(f"{file} is not a valid gzip file: {error}.") from None
    return decode(data, file.name)


def decode(data: bytes, name: str) -> str:
    """Return UTF-8 text with line ends `\\n` and without a byte order mark.

    Args:
        data: the bytes.
        name: of the file, for messages.

    Raises:
        UserError: the bytes are no UTF-8, or nothing but white space.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{name}:{line} is not UTF-8 (byte 0x{data[error.start]:02x}): save the file as UTF-8."
        ) from None
    if not text.strip():
        raise UserError(f"{name} is empty.")
    return text.replace("\r\n", "\n").replace("\r", "\n")
