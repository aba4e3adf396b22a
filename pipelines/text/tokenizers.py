"""Prepared text -> tokens, and back; under `words` it is the tokens with single spaces between."""

from __future__ import annotations

import re

from pipelines.params import Tokens

# The elision of French and Italian stays with its apostrophe ("l' homme"); English follows suit
# ("don' t"): which language a corpus holds is nowhere said.
_WORD = re.compile(r"\w+'(?=\w)|\w+|[^\w\s]")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})  # noqa: RUF001


def words(text: str) -> str:
    """Raw text as prepared words: words and single signs of punctuation between single spaces.

    Only for raw text: a second time, "l' homme" would become "l ' homme".
    """
    return " ".join(_WORD.findall(text.translate(_APOSTROPHES)))


def split(text: str, tokens: Tokens) -> list[str]:
    """The tokens of prepared text; of an empty text, none."""
    if tokens == "characters":
        return list(text)
    return text.split(" ") if text else []


def join(tokens: list[str], kind: Tokens) -> str:
    """Prepared text again: `join(split(text, kind), kind) == text`."""
    return ("" if kind == "characters" else " ").join(tokens)
