"""Prepared text -> tokens, and back; all but characters stand between single blanks in it.

Sub-words are cut from the words between blanks, by what `build_vocab` has learnt: see `subwords`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.config.params import Tokens

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
    """The characters of prepared text, or what stands between its blanks; of no text, nothing."""
    if tokens == "characters":
        return list(text)
    return text.split(" ") if text else []


def join(tokens: Iterable[str], kind: Tokens) -> str:
    """Prepared text again: `join(split(text, kind), kind) == text`."""
    return ("" if kind == "characters" else " ").join(tokens)
