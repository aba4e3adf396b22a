"""Rated sentences in one archive (Hutto and Gilbert, 2014)."""

from __future__ import annotations

import html
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import ClassVar, Literal

from pipelines.data.readers.base import CorpusReader, Row, decode
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

    def read_file(self, file: Path, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows of the archive's *_GroundTruth.txt: id, mean rating from -4 to 4, text."""
        try:
            with tarfile.open(file) as archive:
                count = 0
                for member in sorted(archive, key=lambda member: member.name):
                    name = PurePosixPath(member.name).name
                    if not member.isfile() or not name.endswith("_GroundTruth.txt"):
                        continue
                    stream = archive.extractfile(member)
                    assert stream is not None  # only links and folders have none
                    yield from self._rows(name, decode(stream.read(), name))
                    count += 1
        except (tarfile.TarError, OSError, EOFError):
            raise UserError(f"{file} is not a valid tar archive of rated sentences.") from None
        if not count:
            raise UserError(f"{file} has no file called *_GroundTruth.txt.")

    def _rows(self, name: str, text: str) -> Iterator[Row]:
        for number, line in enumerate(text.removesuffix("\n").split("\n"), start=1):
            try:
                _, rating, sentence = line.split("\t")
                mean = float(rating)
            except ValueError:
                raise UserError(
                    f"{name}:{number} must be: id, tab, mean rating, tab, text."
                ) from None
            # Some sentences were escaped twice: "&amp;#38;".
            yield name, number, html.unescape(html.unescape(sentence)), self._label(mean)

    def _label(self, mean: float) -> str:
        if mean >= self.threshold:
            return "positive"
        return "negative" if mean <= -self.threshold else "neutral"


READER = RatingsReader
