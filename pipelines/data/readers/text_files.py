"""Text of raw files: its encoding and its lines."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

from pipelines.data.readers import containers
from pipelines.errors import UserError

MAX_LINE = 1 << 24  # characters of a line, and of a row that is made of lines
LINE_COST = 100  # bytes of a line in a list, beside its characters
UTF_8 = "utf-8"
BYTE = "byte 0x"  # begins the reason for a byte outside the encoding
# The marks of the longer encodings come first: that of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NO_ENCODINGS = ("idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape")
_MAINFRAME = ("cp037", "cp273", "cp424", "cp500", "cp875", "cp1026", "cp1140")  # guessed too often
_DAMAGE = re.compile("[\0\ud800-\udfff]")
# What text of Western Europe has beside ASCII; other scripts in cp1252 show other characters.
_WESTERN = re.compile("[\xa0-\xbf\xc0-\xff\u0152\u0153\u0160\u0161\u0178\u2010-\u2122\u20ac]*")
_SYMBOL_IN_WORD = re.compile("[^\\W\\d_][\xa0-\xa9\xab-\xb6\xb8\xb9\xbb-\xbf][^\\W\\d_]")


class EmptyFileError(UserError):
    """File that holds nothing but white space."""


def check_encoding(name: str) -> str:
    """Return the name of an encoding.

    Raises:
        ValueError: it is no encoding of text.
    """
    try:
        codec = codecs.lookup(name)
        "a".encode(name)
    except (LookupError, ValueError):
        codec = None
    if codec is None or codec.name.replace("-", "_") in _NO_ENCODINGS:
        raise ValueError(
            f"'{name}' is not an encoding of text: use utf-8, utf-16, cp1252 or another name of "
            "Python's codecs"
        )
    return name


Encoding = Annotated[str, AfterValidator(check_encoding)]


def read_lines(file: Path, encoding: str | None = None) -> Iterator[str]:
    r"""Yield the lines of a text file, without their ends: `\n`, `\r\n` or `\r`.

    The file may be packed; see `containers.unpack`. Bytes that are not in the encoding become lone
    surrogates, which `CorpusReader.read` reports as a bad row.

    Args:
        file: the file.
        encoding: of its text; None for UTF-8.

    Raises:
        UserError: the file is damaged, empty or no text, or a line is endless.
    """
    yield from split_lines(containers.unpack(file), file.name, encoding)


def split_lines(chunks: Iterable[bytes], name: str, encoding: str | None = None) -> Iterator[str]:
    """Yield the lines of encoded text; see `read_lines`.

    Args:
        chunks: the bytes.
        name: of the file, for messages.
        encoding: of the text; None for UTF-8.
    """
    codec = codecs.getincrementaldecoder(encoding or UTF_8)
    decoder = io.IncrementalNewlineDecoder(codec("surrogateescape"), translate=True)
    rest, blank, first, number = "", True, True, 1
    for text in _decoded(chunks, decoder, name, encoding):
        if first:
            text, first = text.removeprefix("\ufeff"), False
        blank = blank and not text.strip()
        lines = (rest + text).split("\n")
        rest = lines.pop()
        yield from lines
        number += len(lines)
        if len(rest) > MAX_LINE:
            raise UserError(
                f"{name}:{number} has more than {MAX_LINE:,} characters without a line end: break "
                "the line, or correct 'reader.format'."
            )
    if blank:
        raise EmptyFileError(f"{name} is empty.")
    if rest:
        yield rest


def _decoded(
    chunks: Iterable[bytes],
    decoder: io.IncrementalNewlineDecoder,
    name: str,
    encoding: str | None,
) -> Iterator[str]:
    head = True
    try:
        for chunk in chunks:
            if head:
                _check_marks(chunk[: containers.HEAD], name, encoding)
            head = False
            if text := decoder.decode(chunk):
                yield text
        yield decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise UserError(
            f"{name} is not {encoding or UTF_8} ({error.args[-1]}): correct 'reader.encoding'."
        ) from None


def _check_marks(head: bytes, name: str, encoding: str | None) -> None:
    """Refuse UTF-16 and UTF-32 that `reader.encoding` does not name."""
    if encoding is not None and codecs.lookup(encoding).name != UTF_8:
        return
    for mark, title in _MARKS.items():
        if head.startswith(mark):
            raise UserError(
                f"{name} is {title.upper()}, not UTF-8: set 'reader.encoding: {title}', or save it "
                "as UTF-8."
            )
    for order, zeros in (("le", head[1::2]), ("be", head[::2])):
        if len(zeros) > 1 and zeros.count(0) > 0.4 * len(zeros) and head.count(0) < 0.6 * len(head):
            raise UserError(
                f"{name} is UTF-16, not UTF-8: set 'reader.encoding: utf-16-{order}', or save it "
                "as UTF-8."
            )


def damage(text: str) -> str | None:
    """Return the reason why a text cannot be used, or None: bytes outside its encoding, or NUL."""
    if "\0" not in text:
        try:
            if not text.isascii():
                text.encode()
            return None
        except UnicodeEncodeError:
            pass
    match = _DAMAGE.search(text)
    if match is None:
        return None
    code = ord(match[0])
    if not code:
        return "has a NUL character: remove it, or set 'reader.encoding' if the file is UTF-16"
    if 0xDC80 <= code <= 0xDCFF:
        return f"{BYTE}{code - 0xDC00:02x}"
    return f"has half of a surrogate pair (U+{code:04X}): remove it"


def printable(text: str) -> str:
    """Return a text that UTF-8 can encode: bytes outside its encoding as `\\xe9`."""
    return _DAMAGE.sub(_escape, text) if damage(text) else text


def brief(text: str) -> str:
    """Return a text of a file for a message: one line that is not too long."""
    line = " ".join(printable(text[:200]).split())
    return line if len(line) <= 80 else f"{line[:77]}..."


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code & 0xFF:02x}" if code == 0 or 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


def guess_encoding(file: Path) -> str | None:
    """Return the likely encoding of a file that is not UTF-8, or None."""
    sample, size = [], 0
    try:
        for chunk in containers.unpack(file):
            lines = [line for line in chunk.split(b"\n") if not line.isascii()]
            sample += lines
            size += sum(map(len, lines))
            if size > 1 << 16:
                break
    except UserError:  # the rest is damaged, which the reader reports
        pass
    data = b"\n".join(sample)[: 1 << 16]
    if _is_western(data):
        return "cp1252"
    from charset_normalizer import from_bytes

    best = from_bytes(data, cp_exclusion=list(_MAINFRAME)).best()
    if best is None or best.encoding in ("ascii", "utf_8"):
        return None
    return best.encoding.replace("_", "-")


def _is_western(data: bytes) -> bool:
    """Return True for a text of a Western language in cp1252, mostly in ASCII letters."""
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        return False
    others = "".join(character for character in text if not character.isascii())
    letters = sum(character.isalpha() for character in text)
    foreign = sum(character.isalpha() for character in others)
    return (
        _WESTERN.fullmatch(others) is not None
        and _SYMBOL_IN_WORD.search(text) is None
        and foreign <= max(3, 0.4 * letters)
    )


def decode(data: bytes, name: str) -> str:
    r"""Return UTF-8 text with line ends `\n` and without a byte order mark.

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
