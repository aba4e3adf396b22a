"""Exceptions whose messages are for users, and the hints that they give."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# A password may hold blanks.
_ADDRESS = re.compile(r"\b([a-z][\w+.-]*)://((?:[^\s/:@]*:[^@\n/]*@)?\S*)", re.IGNORECASE)
_SECRET = re.compile(
    r"\b(passwo?r?d|pwd|(?:\w+_)?token|\w*secret\w*|\w*access_key\w*|api_?key)=[^\s&;]+",
    re.IGNORECASE,
)
_LOCAL = ("sqlite", "file")  # schemes whose addresses are paths, which may hold @ and ?
# A host and a path of which a part may begin with @, as in https://host/npm/@scope/file.
_WITHOUT_USER = re.compile(r"[\w.-]+(:\d+)?(/@?[^/@]*)*")


def redact(text: str) -> str:
    """Return a text whose addresses hold no user, password or query.

    Args:
        text: an address, or a message that may quote some.
    """
    return _SECRET.sub(r"\1=...", _ADDRESS.sub(_redact_address, text))


def _redact_address(match: re.Match[str]) -> str:
    scheme, rest = match.groups()
    if scheme.partition("+")[0].lower() in _LOCAL:
        return match[0]
    if not _WITHOUT_USER.fullmatch(rest):  # a password may hold :, /, ? and @
        rest = rest.rpartition("@")[2]
    address, query, arguments = rest.partition("?")
    end = re.search(r"[\])}'\".,:;]*$", arguments)  # belongs to the sentence
    return f"{scheme}://{address}{end[0] if query and end else ''}"


class UserError(Exception):
    """Invalid input, with a message that says what is wrong, where, and how to fix it.

    The console prints the message without a traceback and exits with 1. It holds no passwords.
    """

    def __init__(self, message: str) -> None:
        super().__init__(redact(message))


class Interrupted(Exception):
    """Request to stop a training run, which stopped between two steps.

    Args:
        by: the signal, `SIGTERM` for instance.
        code: exit code of the process.
        progress: position of the training, as the end of the sentence.
    """

    def __init__(self, by: str, code: int, progress: str = "before its first step") -> None:
        super().__init__(f"Stopped by {by} {progress}.")
        self.by, self.code = by, code

    def after(self, step: int) -> Interrupted:
        """Return the same exception for a training run that can be resumed from a step."""
        progress = f"after step {step:,}. Run the same command again to resume"
        return Interrupted(self.by, self.code, progress)


def suggest(name: str, names: Iterable[object]) -> str:
    """Return the end of a message about an unknown name: a similar one, and all valid ones.

    Args:
        name: the unknown name.
        names: valid names.
    """
    valid = [str(item) for item in names]
    if not valid:
        return "; there is none"
    similar = close_match(name, valid)
    hint = f"did you mean '{similar}'? " if similar else ""
    return f"; {hint}known: {', '.join(valid)}"


def did_you_mean(name: str, names: Iterable[object]) -> str:
    """Return the end of a message about an unknown name: a similar one, if there is any.

    Args:
        name: the unknown name.
        names: valid names, too many to list.
    """
    similar = close_match(name, names, cutoff=0.3)
    return f" (did you mean '{similar}'?)" if similar else ""


def close_match(name: str, names: Iterable[object], cutoff: float = 0.5) -> str | None:
    """Return the most similar of some names, whatever the case, or None.

    A name that contains the unknown one as a word, as `learning_rate` contains `rate`, comes first.

    Args:
        name: the unknown name.
        names: valid names.
        cutoff: least similarity, from 0 to 1, as in `difflib.get_close_matches`.
    """
    valid = [str(item) for item in names]
    containing = [item for item in valid if name.lower() in re.split("[_-]", item)]
    matches = containing or difflib.get_close_matches(name, valid, n=1, cutoff=cutoff)
    matches = matches or difflib.get_close_matches(name.lower(), valid, n=1, cutoff=cutoff)
    return matches[0] if matches else None
