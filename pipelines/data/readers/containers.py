"""Unpacking of raw files: gzip, xz, bzip2, Zstandard and zip, recognised by their first bytes."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import UserError

CHUNK = 1 << 20  # bytes
HEAD = 4096  # bytes that show the format of a file
MAX_RATIO = 100  # unpacked to packed size; text has 2 to 20
FREE_SIZE = 1 << 28  # bytes that any file may unpack to
MAX_DICTIONARY = 1 << 28  # bytes of memory of the xz decoder
DAMAGE = (
    OSError,
    EOFError,
    LookupError,  # zipfile, of a member without a name
    ValueError,
    RuntimeError,
    MemoryError,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
    struct.error,
)
_SUFFIXES = {".gz": "gzip", ".xz": "xz", ".bz2": "bzip2", ".zst": "zstd", ".zip": "zip"}
# Formats that are no text, by their first bytes, and how to get text out of them.
_OTHER_FORMATS: Mapping[bytes, tuple[str, str]] = {
    b"%PDF-": ("a PDF document", "save its text as UTF-8"),
    b"{\\rtf": ("an RTF document", "save its text as UTF-8"),
    b"\xd0\xcf\x11\xe0": ("an old Office document (.xls, .doc)", "save it as CSV or plain text"),
    b"SQLite format 3\0": ("an SQLite database", "export its table as CSV"),
    b"PAR1": ("a Parquet file", "set 'reader.format: parquet'"),
    b"ARROW1\0\0": ("an Arrow file", "save it as Parquet, and set 'reader.format: parquet'"),
    b"\x89HDF": ("an HDF5 file", "export its table as CSV or Parquet"),
    b"\x93NUMPY": ("a NumPy file", "export it as CSV or Parquet"),
    b"\x89PNG": ("a picture", "correct the path"),
    b"\xff\xd8\xff": ("a picture", "correct the path"),
    b"GIF8": ("a picture", "correct the path"),
    b"7z\xbc\xaf\x27\x1c": ("a 7z archive", "unpack it, or pack it as gz, xz, zst or zip"),
    b"Rar!\x1a\x07": ("a RAR archive", "unpack it, or pack it as gz, xz, zst or zip"),
    b"\x04\x22\x4d\x18": ("an lz4 file", "unpack it, or pack it as gz, xz, zst or zip"),
    b"\x1f\x9d": ("a .Z file", "unpack it, or pack it as gz, xz, zst or zip"),
}
# Zip archives that are documents of another program, by a member.
_DOCUMENTS = {
    "xl/workbook.xml": ("an Excel workbook", "save the sheet as CSV (UTF-8)"),
    "xl/workbook.bin": ("an Excel workbook", "save the sheet as CSV (UTF-8)"),
    "word/document.xml": ("a Word document", "save it as plain text (UTF-8)"),
    "content.xml": ("an OpenDocument file", "save it as CSV or plain text (UTF-8)"),
    "META-INF/container.xml": ("an e-book", "save it as plain text (UTF-8)"),
}


def unpack(file: Path, *, text: bool = True) -> Iterator[bytes]:
    """Yield the content of a file in chunks, unpacked if it is compressed.

    Args:
        file: plain, or packed by gzip, xz, bzip2 or Zstandard, or the only member of a zip archive.
        text: whether the content must be text.

    Raises:
        UserError: the file is damaged, encrypted, or in a format without text; or it unpacks to
            more than 100 times its size and more than 256 MiB.
    """
    with file.open("rb") as stream:
        head = stream.read(HEAD)
        kind = packing(head)
        if kind is None:
            _check_suffix(file, head)
            if text:
                check_format(file.name, head)
            stream.seek(0)
            while chunk := stream.read(CHUNK):
                yield chunk
            return
    for chunk in _bounded(file, kind):
        if text:
            check_format(file.name, chunk[:HEAD], packed=True)
            text = False
        yield chunk


def packing(head: bytes) -> str | None:
    """Return the kind of packing of a file by its first bytes, or None for a plain file."""
    return next((kind for kind, (magic, _) in _PACKINGS.items() if head.startswith(magic)), None)


def size_limit(packed: int) -> int:
    """Return the number of bytes that a file of a size may unpack to."""
    return max(FREE_SIZE, MAX_RATIO * packed)


def too_large(name: object, limit: int) -> UserError:
    """Return the error of a file that unpacks to more than `size_limit`."""
    return UserError(
        f"{name} unpacks to more than {limit / 2**20:,.0f} MiB, over {MAX_RATIO} times its size: "
        "if it is no mistake, unpack it, and use the unpacked file."
    )


def check_format(name: str, head: bytes, *, packed: bool = False) -> None:
    """Refuse a format that holds no text.

    Args:
        name: of the file, for the message.
        head: first bytes.
        packed: whether they come out of a packed file.

    Raises:
        UserError: the message names the format.
    """
    for magic, (title, remedy) in _OTHER_FORMATS.items():
        if head.startswith(magic):
            raise UserError(f"{name} {'holds' if packed else 'is'} {title}: {remedy}.")
    if head[257:262] == b"ustar":
        raise UserError(
            f"{name} {'holds' if packed else 'is'} a tar archive: unpack it, and list its files in "
            "'source.paths'."
        )
    if packed and (kind := packing(head)):
        raise UserError(f"{name} is packed twice ({kind} inside): unpack it once.")


def _check_suffix(file: Path, head: bytes) -> None:
    kind = _SUFFIXES.get(file.suffix.lower())
    if kind and head:
        raise UserError(
            f"{file} is not a valid {kind} file: pack it again, or rename it if it is not packed."
        )


def _bounded(file: Path, kind: str) -> Iterator[bytes]:
    """Yield unpacked chunks; turn damage and too many bytes into a UserError."""
    limit, total = size_limit(file.stat().st_size), 0
    try:
        for chunk in _PACKINGS[kind][1](file):
            total += len(chunk)
            if total > limit:
                raise too_large(file, limit)
            yield chunk
    except DAMAGE as error:
        reason = " ".join(str(error).split()).rstrip(".") or "it ends too early"
        raise UserError(
            f"{file} is not a valid {kind} file: {reason}. Copy or pack it again."
        ) from None


def _gzip(file: Path) -> Iterator[bytes]:
    with gzip.open(file) as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _xz(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        yield from _decompress(stream, lambda: lzma.LZMADecompressor(memlimit=MAX_DICTIONARY))


def _bzip2(file: Path) -> Iterator[bytes]:
    with file.open("rb") as stream:
        yield from _decompress(stream, bz2.BZ2Decompressor)


def _decompress(
    stream: BinaryIO, make: Callable[[], lzma.LZMADecompressor | bz2.BZ2Decompressor]
) -> Iterator[bytes]:
    """Yield the content of the streams in a file, one behind the other."""
    decompressor, data = make(), stream.read(CHUNK)
    while True:
        yield decompressor.decompress(data, CHUNK)
        if decompressor.eof:
            data = (decompressor.unused_data or stream.read(CHUNK)).lstrip(b"\0")  # padding
            if not data:
                return
            decompressor = make()
        else:
            data = stream.read(CHUNK) if decompressor.needs_input else b""
            if decompressor.needs_input and not data:
                raise EOFError("it ends too early")


def _zstd(file: Path) -> Iterator[bytes]:
    import pyarrow as pa

    with pa.input_stream(str(file), compression="zstd") as stream:
        while chunk := stream.read(CHUNK):
            yield chunk


def _zip(file: Path) -> Iterator[bytes]:
    with zipfile.ZipFile(file) as archive:
        infos = archive.infolist()
        names = {info.filename for info in infos}
        for member, (title, remedy) in _DOCUMENTS.items():
            if member in names:
                raise UserError(f"{file.name} is {title}: {remedy}.")
        members = [
            info
            for info in infos
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
        if len(members) != 1:
            raise UserError(
                f"{file.name} has {len(members):,} members, and a zip archive must have one: "
                "unpack it, and list its files in 'source.paths'."
            )
        if members[0].flag_bits & 1:
            raise UserError(f"{file.name} is encrypted: unpack it, and use the unpacked file.")
        with archive.open(members[0]) as stream:
            while chunk := stream.read(CHUNK):
                yield chunk


_PACKINGS: Mapping[str, tuple[bytes, Callable[[Path], Iterator[bytes]]]] = {
    "gzip": (b"\x1f\x8b", _gzip),
    "xz": (b"\xfd7zXZ\0", _xz),
    "bzip2": (b"BZh", _bzip2),
    "zstd": (b"\x28\xb5\x2f\xfd", _zstd),
    "zip": (b"PK\x03\x04", _zip),
    "empty zip": (b"PK\x05\x06", _zip),
}
