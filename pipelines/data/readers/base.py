"""Base classes of the readers, and the rows that they yield."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import ClassVar

from pipelines.data.readers import text_files
from pipelines.data.readers.text_files import Encoding
from pipelines.errors import UserError, did_you_mean
from pipelines.types import ConfigModel, Task

Row = tuple[str | int, ...]  # document, line, and the text of each column of the task


@dataclass(frozen=True, slots=True)
class BadRow:
    """Row that a reader cannot read.

    Attributes:
        document: name of the raw file.
        line: number of the row's first line in it, from 1.
        reason: predicate of a sentence about the row, without its full stop.
        text: the row as it is in the file.
    """

    document: str
    line: int
    reason: str
    text: str

    @property
    def sentence(self) -> str:
        """Sentence with the place and the reason."""
        return f"{self.document}:{self.line} {self.reason}."


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
            UserError: a file is missing, or there is no reader for it, or two have one name.
        """
        names = [file.name for file in files]
        for name, count in Counter(names).items():
            if count > 1:
                raise UserError(
                    f"{count} files in different folders are called '{name}': rename all but one, "
                    "or use 'reader.format: folders'."
                )

    def read(
        self, files: Sequence[Path], columns: Sequence[str], folder: Path | None = None
    ) -> Iterator[Row | BadRow]:
        """Yield the rows of files that belong together, one by one, without holding a file.

        Args:
            files: in the order of params.yaml, or by name.
            columns: of the task.
            folder: of all raw files of the corpus, for readers of subfolders.

        Yields:
            A row, or a `BadRow` for one that cannot be read: what it holds is no row, or its text
            has bytes outside the file's encoding, NUL characters or lone surrogates.

        Raises:
            UserError: a whole file cannot be read; the message names it.
        """
        by_name = {self.document(file, folder): file for file in files}
        reasons: dict[str, str] = {}  # of bytes outside the encoding, by document
        for row in self.read_files(files, columns, folder):
            if isinstance(row, BadRow):
                problem = " ".join(text_files.printable(row.reason).split())
                yield BadRow(row.document, row.line, problem, text_files.printable(row.text))
                continue
            text = "\t".join(row[2:])  # type: ignore[arg-type]  # the texts
            if reason := text_files.damage(text):
                document, line = str(row[0]), int(row[1])
                if reason.startswith(text_files.BYTE):
                    if document not in reasons:
                        reasons[document] = self.undecodable(by_name.get(document))
                    reason = reasons[document].replace(text_files.BYTE, reason)
                yield BadRow(document, line, reason, text_files.printable(text))
            else:
                yield row

    def read_files(
        self, files: Sequence[Path], columns: Sequence[str], folder: Path | None
    ) -> Iterator[Row | BadRow]:
        """Yield the rows of files; see `read`, which checks their texts."""
        for file in files:
            yield from self.read_file(file, columns)

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield the rows of one file; see `read`."""
        raise NotImplementedError

    def document(self, file: Path, folder: Path | None) -> str:
        """Return the name of a file in `Row` and `BadRow`."""
        return file.name

    def undecodable(self, file: Path | None) -> str:
        """Return the reason of rows with bytes outside the encoding; `byte 0x` stands for the byte.

        Args:
            file: the raw file, if the text comes from one directly.
        """
        return "is not UTF-8 (byte 0x): save the file as UTF-8"


class TextReader(CorpusReader):
    """Reader of text files, in UTF-8 unless `encoding` names another encoding."""

    encoding: Encoding | None = None

    def lines(self, file: Path) -> Iterator[str]:
        """Yield the lines of a file without their ends; see `text_files.read_lines`."""
        return text_files.read_lines(file, self.encoding)

    def undecodable(self, file: Path | None) -> str:
        """Name the likely encoding of the file; see `CorpusReader.undecodable`."""
        if self.encoding is not None:
            return f"is not {self.encoding} (byte 0x): correct 'reader.encoding'"
        guess = text_files.guess_encoding(file) if file else None
        if guess is None:
            return "is not UTF-8 (byte 0x): save the file as UTF-8, or set 'reader.encoding'"
        return (
            f"is not UTF-8 (byte 0x) and looks like {guess}: set 'reader.encoding: {guess}', or "
            "save the file as UTF-8"
        )


def check_columns(named: Mapping[str, object], columns: Sequence[str]) -> None:
    """Check that `reader.columns` names all columns of the task, and no others.

    Raises:
        ValueError: it does not.
    """
    if set(named) != set(columns):
        raise ValueError(f"'reader.columns' must name {' and '.join(columns)}, and no others")


def is_covered(document: str, name: str) -> bool:
    """Return True if a name in params.yaml is that of a raw file, of a folder of it or a pattern.

    Args:
        document: path of the raw file in its folder.
        name: a path, in which `*` and `?` are wildcards.
    """
    return (
        document == name
        or document.startswith(f"{name}/")
        or fnmatchcase(document, name.replace("[", "[[]"))
    )


def check_names(names: Iterable[str], documents: Sequence[str], key: str) -> None:
    """Check that a key of a corpus names every raw file and no other.

    Args:
        names: names of files, folders or patterns under the key; see `is_covered`.
        documents: paths of the raw files in their folder.
        key: for the message.

    Raises:
        UserError: a name without a file, or a file without a name.
    """
    rest = dict.fromkeys(documents)
    for name in names:
        covered = [name] if name in rest else [raw for raw in rest if is_covered(raw, name)]
        if not covered:
            hint = did_you_mean(name, documents)
            raise UserError(f"'{key}' names '{name}', but 'source' has no such file{hint}.")
        for raw in covered:
            del rest[raw]
    for name in rest:
        raise UserError(
            f"'source' has the file '{name}', but '{key}' does not name it: add it there, or "
            "remove it from 'source'."
        )
