"""Files of several formats in one corpus."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from pipelines.data.readers.base import BadRow, CorpusReader, Row, check_names
from pipelines.data.readers.lookup import find_readers, union
from pipelines.types import TASKS, Task

if TYPE_CHECKING:
    FileReader = CorpusReader
else:
    FileReader = union(
        reader for reader in find_readers(exclude="by_file").values() if reader.single_files
    )


class ByFileReader(CorpusReader):
    """Reader of files of several formats: `files` maps the name of each to its own reader."""

    format: Literal["by_file"]
    files: Annotated[dict[str, FileReader], Field(min_length=1)]
    tasks: ClassVar[tuple[Task, ...]] = TASKS
    single_files: ClassVar[bool] = False

    def check_task(self, task: Task, columns: Sequence[str]) -> None:
        """Check the reader of every file; see `CorpusReader.check_task`."""
        for reader in self.files.values():
            reader.check_task(task, columns)

    def check_given_split(self) -> None:
        """Check the reader of every file; see `CorpusReader.check_given_split`."""
        for reader in self.files.values():
            reader.check_given_split()

    def check_files(self, files: Sequence[Path]) -> None:
        """Check that `files` names every raw file and no other."""
        check_names(self.files, [file.name for file in files], "reader.files")

    def read(
        self, files: Sequence[Path], columns: Sequence[str], folder: Path | None = None
    ) -> Iterator[Row | BadRow]:
        """Yield the rows of each file, read by its own reader; see `CorpusReader.read`."""
        for file in files:
            yield from self.files[file.name].read([file], columns, folder)


READER = ByFileReader
