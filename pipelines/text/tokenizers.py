"""Tokenizers: normalised text to tokens, and back.

All tokens but characters are separated by single blanks. Sub-words are pieces of such words, which
`build_vocab` learns: see `subwords`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

import unicode_segmentation_rs

from pipelines.config.params import Tokens

_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´\u1fef\u1ffd", "'"))  # noqa: RUF001
_BEFORE_APOSTROPHE = re.compile(r"(\S)(?=')")
_JOINERS = "\u200c\u200d"  # inside Persian and Indic words and emoji
SEPARATOR = "\0"  # of the texts of a batch, with blanks around it
# Characters that normalised text does not have: one that Unicode never cuts off what precedes it,
# and two that it always cuts off.
_JOINER, _CUT, _END = "\u2060", "\r", "\n"


def words(text: str) -> str:
    """Return the words and punctuation marks of raw text, separated by single blanks.

    They lie between the word boundaries of Unicode (UAX 29): a letter keeps its combining marks,
    emoji sequences and flags are whole; ideographs, and the letters of Thai, Lao and Khmer, whose
    words have no visible boundaries, stand alone. A mark after blanks belongs to the word before
    them. An elision keeps its apostrophe, as in French and Italian ("l' homme"). English
    contractions are cut in the same way ("don' t"), because a corpus does not name its language.

    Only for raw text: tokenised again, "l' homme" would become "l ' homme".
    """
    chunks = text.split()
    if detached := set(filter(is_mark, (chunk[0] for chunk in chunks))):
        blanks = rf"(?<=[^\s{SEPARATOR}])\s+(?=[{''.join(detached)}])"
        chunks = re.sub(blanks, "", text).split()
    text = _END.join(chunks).translate(_APOSTROPHES)
    marks = "".join(filter(is_mark, set(_BEFORE_APOSTROPHE.findall(text))))
    text = re.sub(rf"'(?=\w)(?<=[\w{marks}]')", _JOINER + _CUT, text)  # elisions
    text = " ".join(unicode_segmentation_rs.split_word_bounds(text))
    return text.replace(f" {_CUT} ", " ").replace(f" {_END} ", " ").replace(_JOINER, "'")


def is_mark(character: str) -> bool:
    """Return True for a combining mark or a joiner, which belongs to what precedes it."""
    return character in _JOINERS or unicodedata.category(character).startswith("M")


def split(text: str, tokens: Tokens) -> list[str]:
    """Return the characters of normalised text, or its words between blanks."""
    if tokens == "characters":
        return list(text)
    return text.split(" ") if text else []


def join(tokens: Iterable[str], kind: Tokens) -> str:
    """Return the text of tokens: `join(split(text, kind), kind) == text`."""
    return ("" if kind == "characters" else " ").join(tokens)
