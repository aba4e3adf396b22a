"""Text and addresses from the command line, and text from standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.errors import UserError

if TYPE_CHECKING:
    from pipelines.inference.predictor import Predictor


def texts(arguments: list[str] | None) -> list[str] | None:
    """Return the texts of the command line or, without any, the lines of standard input.

    A line ends at a line feed only, as in `wc -l`. Blank lines stay: see `align`. In a terminal
    nothing is read, and the result is None: a prompt is to ask for the texts.

    Args:
        arguments: texts of the command line, if any.

    Raises:
        UserError: there is no text, one of the command line is blank, or the input is not valid
            UTF-8.
    """
    if arguments:
        for number, text in enumerate(arguments, 1):
            if not utf8(text, f"Text {number}").strip():
                raise UserError(f"Text {number} is empty. Give at least one word.")
        return arguments
    if sys.stdin.isatty():
        return None
    try:
        content = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"Standard input is not valid UTF-8 in line {line}, at byte {error.start + 1}. Convert "
            "it to UTF-8."
        ) from None
    lines = [line.removesuffix("\r") for line in content.removesuffix("\n").split("\n")]
    if not content.strip():
        raise UserError(
            "There is no text. Pass it in quotes, or on standard input with one text per line."
        )
    return lines


def require_texts(texts: list[str] | None, options: Mapping[str, bool]) -> None:
    """Refuse options that need all texts at once if a prompt asks for them.

    Args:
        texts: as `texts` returns them.
        options: by name, whether they are set.

    Raises:
        UserError: there is a prompt and such an option.
    """
    name = next((name for name, is_set in options.items() if is_set), None)
    if texts is None and name is not None:
        raise UserError(
            f"{name} needs the texts at once. Pass them in quotes, or on standard input with one "
            "text per line."
        )


def prepare(trained: Predictor, texts: Sequence[str]) -> tuple[list[str], list[bool]]:
    """Return the prepared texts that are not blank, and of each text whether it is blank.

    Args:
        trained: the model.
        texts: as typed.

    Raises:
        UserError: all texts are blank.
    """
    normalized = trained.normalize(texts)
    prepared = [text for text in normalized if text.strip()]
    if not prepared:
        raise UserError("Nothing is left of the text after cleaning. Give at least one word.")
    return prepared, [not text.strip() for text in normalized]


def align(answers: Iterable[str], blank: Sequence[bool]) -> Iterator[str]:
    """Yield the answers, and an empty one for each blank text, so that lines of both correspond.

    Args:
        answers: to the texts that are not blank.
        blank: of each text, whether it is blank.
    """
    remaining = iter(answers)
    for is_blank in blank:
        yield "" if is_blank else next(remaining)


def as_json(
    texts: Sequence[str], blank: Sequence[bool], answers: Iterable[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """Return the texts as typed with their answers; that of a blank text is null.

    Args:
        texts: as typed.
        blank: of each text, whether it is blank.
        answers: to the texts that are not blank.
    """
    remaining = iter(answers)
    return [
        {"text": text, **({"answer": None} if is_blank else next(remaining))}
        for text, is_blank in zip(texts, blank, strict=True)
    ]


def utf8(text: str, label: str) -> str:
    """Return a text of the command line, in which Python marks invalid bytes by lone surrogates.

    Args:
        text: the text.
        label: its name in the error message.

    Raises:
        UserError: the text is not valid UTF-8.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UserError(
            f"{label} is not valid UTF-8 at character {error.start + 1}. Convert it to UTF-8."
        ) from None
    return text


def folder(name: str) -> Path:
    """Return the folder of a command-line argument.

    Args:
        name: the argument.

    Raises:
        UserError: the name is blank, which would silently mean the current folder.
    """
    if not name.strip():
        raise UserError("The folder's name is empty. Pass a name, or . for the current folder.")
    return Path(name)


def scheduler(address: str | None, slurm: bool) -> str | None:
    """Return the address of a Dask scheduler, with a protocol.

    Args:
        address: the option `--scheduler`.
        slurm: the option `--slurm`.

    Raises:
        UserError: the address is blank or no text, or the options contradict each other.
    """
    if slurm and address is not None:
        raise UserError("--slurm cannot be combined with --scheduler: it starts a scheduler.")
    if address is None:
        return None
    if not address.strip():
        raise UserError("--scheduler needs an address, for example tcp://host:8786.")
    address = utf8(address, "--scheduler")
    return address if "://" in address else f"tcp://{address}"
