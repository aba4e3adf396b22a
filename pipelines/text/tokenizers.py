"""Tokenizers: normalised text to tokens, and back.

All tokens but characters are separated by single blanks. Sub-words are pieces of such words, which
`build_vocab` learns: see `subwords`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipelines.config.params import Tokens

# An elision keeps its apostrophe, as in French and Italian ("l' homme"). English contractions are
# cut in the same way ("don' t"), because a corpus does not name its language.
_WORD = re.compile(r"\w+'(?=\w)|\w+|[^\w\s]")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "ʼ": "'", "`": "'", "´": "'"})  # noqa: RUF001


def words(text: str) -> str:
    """Return the words and punctuation marks of raw text, separated by single blanks.

    Only for raw text: tokenised again, "l' homme" would become "l ' homme".
    """
    return " ".join(_WORD.findall(text.translate(_APOSTROPHES)))


def split(text: str, tokens: Tokens) -> list[str]:
    """Return the characters of normalised text, or its words between blanks."""
    if tokens == "characters":
        return list(text)
    return text.split(" ") if text else []


def join(tokens: Iterable[str], kind: Tokens) -> str:
    """Return the text of tokens: `join(split(text, kind), kind) == text`."""
    return ("" if kind == "characters" else " ").join(tokens)
