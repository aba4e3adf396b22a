"""A folder for each class: one row per file."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from pipelines.data.readers.base import BadRow, Row, TextReader
from pipelines.data.readers.text_files import MAX_LINE, EmptyFileError
from pipelines.errors import UserError
from pipelines.types import Task


class FoldersReader(TextReader):
    """Reader of a folder for each class: one row per file, whose label is the folder's name.

    `source.paths` names the folder above; `fetch` keeps its subfolders in `data/raw/<corpus>`. The
    document of a row is the file's path there.
    """

    format: Literal["folders"]
    tasks: ClassVar[tuple[Task, ...]] = ("classification",)
    single_files: ClassVar[bool] = False

    def check_files(self, files: Sequence[Path]) -> None:
        """Accept files of the same name in different folders."""

    def read_files(
        self, files: Sequence[Path], columns: Sequence[str], folder: Path | None
    ) -> Iterator[Row | BadRow]:
        """Yield a row for each file."""
        for file in files:
            path = PurePosixPath(self.document(file, folder))
            if len(path.parts) < 2:
                raise UserError(
                    f"{file.name} is in no subfolder, which 'reader.format: folders' takes as its "
                    "label: set the folder above the classes in 'source.paths', such as "
                    "[texts/reviews]."
                )
            try:
                cells = {"text": self._text(file), "label": path.parts[-2]}
            except EmptyFileError:
                cells = {"text": "", "label": path.parts[-2]}
            except UserError as error:
                reason = str(error).removeprefix(str(file)).removeprefix(file.name).strip(" .")
                yield BadRow(path.as_posix(), 1, reason, "")
                continue
            yield path.as_posix(), 1, *(cells[column] for column in columns)

    def document(self, file: Path, folder: Path | None) -> str:
        """Return the path of a file in the folder of raw files."""
        return (
            file.relative_to(folder) if folder else Path(file.parent.name, file.name)
        ).as_posix()

    def _text(self, file: Path) -> str:
        """Return the lines of a file as one text."""
        text = io.StringIO(newline="")
        for line in self.lines(file):
            text.write(f"{line}\n")
            if text.tell() > MAX_LINE:
                raise UserError(f"{file.name} has more than {MAX_LINE:,} characters.")
        return text.getvalue().removesuffix("\n")


READER = FoldersReader
