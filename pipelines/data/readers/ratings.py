"""Rated sentences in one archive (Hutto and Gilbert, 2014)."""

from __future__ import annotations

import html
import math
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, ClassVar, Literal

from pipelines.data.readers import containers
from pipelines.data.readers.base import BadRow, CorpusReader, Row
from pipelines.data.readers.text_files import brief, split_lines
from pipelines.errors import UserError
from pipelines.types import Positive, Task


class RatingsReader(CorpusReader):
    """Reader of rated sentences (Hutto and Gilbert, 2014).

    A mean rating of at least `threshold` is the label `positive`, of at most -`threshold`
    `negative`, and `neutral` between them.
    """

    format: Literal["ratings"]
    threshold: Positive
    tasks: ClassVar[tuple[Task, ...]] = ("classification",)

    def check_given_split(self) -> None:
        """Refuse a split by files: one archive holds all rows."""
        raise ValueError(
            "'split.method: given' needs files for each part, and 'reader.format: ratings' reads "
            "one archive: use 'method: shuffled'"
        )

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row | BadRow]:
        """Yield the rows of the archive's *_GroundTruth.txt: id, mean rating from -4 to 4, text."""
        limit = containers.size_limit(file.stat().st_size)
        members = 0
        try:
            with tarfile.open(file) as archive:
                for member in sorted(_members(archive, file, limit), key=lambda info: info.name):
                    stream = archive.extractfile(member)
                    assert stream is not None  # only links and folders have none
                    yield from self._rows(PurePosixPath(member.name).name, stream)
                    members += 1
        except (tarfile.TarError, *containers.DAMAGE):
            raise UserError(f"{file} is not a valid tar archive of rated sentences.") from None
        if not members:
            raise UserError(f"{file} has no file called *_GroundTruth.txt.")

    def _rows(self, name: str, stream: IO[bytes]) -> Iterator[Row | BadRow]:
        chunks = iter(lambda: stream.read(containers.CHUNK), b"")
        for number, line in enumerate(split_lines(chunks, name), start=1):
            cells = line.split("\t")
            try:
                mean = float(cells[1])
            except (ValueError, IndexError):
                mean = math.nan
            if len(cells) != 3:
                reason = "must be: id, tab, mean rating, tab, text"
                yield BadRow(name, number, reason, line)
            elif not math.isfinite(mean):
                reason = f"has the mean rating '{brief(cells[1])}': it must be a number"
                yield BadRow(name, number, reason, line)
            else:
                # Some sentences were escaped twice: "&amp;#38;".
                yield name, number, html.unescape(html.unescape(cells[2])), self._label(mean)

    def _label(self, mean: float) -> str:
        if mean >= self.threshold:
            return "positive"
        return "negative" if mean <= -self.threshold else "neutral"


def _members(archive: tarfile.TarFile, file: Path, limit: int) -> Iterator[tarfile.TarInfo]:
    """Yield the members with ratings; stop at an archive that unpacks to too many bytes."""
    size = 0
    for member in archive:
        size += member.size
        if size > limit:
            raise containers.too_large(file, limit)
        if member.isfile() and PurePosixPath(member.name).name.endswith("_GroundTruth.txt"):
            yield member


READER = RatingsReader
