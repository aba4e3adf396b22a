"""Normalisation of text: the same for a corpus and for the text that users type."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from pipelines.config.params import SUB_WORDS, Cleaning, Tokens, UnicodeForm
from pipelines.text import subwords, tokenizers
from pipelines.text.tokenizers import SEPARATOR

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
# Control characters, the byte order mark, marks of the writing direction, and zero-width characters
# that split words. Joiners stay: they are part of Persian and Indic words and of emoji.
_INVISIBLE = re.compile(
    r"[\x01-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060\u2066-\u2069\ufeff]"
)
_ASCII_INVISIBLE = {code: None for code in range(1, 0x80) if _INVISIBLE.match(chr(code))}
_SURROGATES = re.compile(r"[\ud800-\udfff]")  # no characters: they are halves of one


def normalize(text: str, cleaning: Cleaning, tokens: Tokens) -> str:
    """Return normalised text, as `normalize_many` does."""
    return normalize_many([text], cleaning, tokens)[0]


def normalize_many(texts: Sequence[str], cleaning: Cleaning, tokens: Tokens) -> list[str]:
    """Return normalised texts: one form of Unicode, single blanks, lowercase if configured.

    Under `words` they are tokenised, with single blanks between the words. Under `characters` line
    ends stay, the last one too: a language model learns them. Under `spaces` and with sub-words the
    text between its blanks stays as it is.

    All texts are normalised as one string, which takes several times their size in memory.
    """
    if not texts:
        return []
    batch = f" {SEPARATOR} ".join(texts)
    if batch.count(SEPARATOR) >= len(texts):
        batch = f" {SEPARATOR} ".join(text.replace(SEPARATOR, "") for text in texts)
    batch = _normalize_form(_visible(batch), cleaning)
    if tokens == "characters":
        batch = _BLANKS.sub(" ", _LINE_ENDS.sub("\n", batch))
    elif tokens == "words":
        batch = unicodedata.normalize(cleaning.unicode, tokenizers.words(batch))
    else:
        if tokens in SUB_WORDS:
            batch = batch.replace(subwords.BLANK, "_")
        batch = " ".join(batch.split())
    return [text.strip(" ") for text in batch.split(SEPARATOR)]


def normalize_labels(labels: Iterable[str], form: UnicodeForm) -> list[str]:
    """Return labels in one form of Unicode, in which labels that look alike are equal strings."""
    return [unicodedata.normalize(form, label) for label in labels]


def _visible(text: str) -> str:
    """Return text without invisible characters."""
    if text.isascii():
        return text.translate(_ASCII_INVISIBLE)
    return _SURROGATES.sub("\ufffd", _INVISIBLE.sub("", text))


def _normalize_form(text: str, cleaning: Cleaning) -> str:
    form = cleaning.unicode
    text = unicodedata.normalize(form, text)
    if not cleaning.lowercase:
        return text
    # Python's lower case of the Turkish capital dotted I is i with one more dot: two characters.
    text = text.replace("\u0130", "i").replace("I\u0307", "i").lower()
    return unicodedata.normalize(form, text)
