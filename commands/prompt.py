"""Prompt that keeps a model loaded and answers each line that is typed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from commands import inputs
from pipelines import console
from pipelines.errors import UserError


def answer_lines(answer: Callable[[str], Iterable[str]]) -> None:
    """Print the answer to each line until Ctrl-D; Ctrl-C stops an answer, too.

    Args:
        answer: returns the lines of an answer; its `UserError` is printed, and the prompt goes on.
    """
    with suppress(ImportError):
        import readline  # noqa: F401 - lets `input` edit a line and remember earlier ones
    console.echo("Type a text and press Enter; Ctrl-D ends.")
    while (text := console.read_line("> ")) is not None:
        if not text.strip():
            continue
        try:
            for line in answer(inputs.utf8(text, "The text")):
                console.echo(line)
        except UserError as error:
            console.echo(str(error), error=True)
        except KeyboardInterrupt:
            console.echo("Stopped.", error=True)
