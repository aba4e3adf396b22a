"""Normalisation of text: the same for a corpus and for the text that users type."""

from __future__ import annotations

import re
import unicodedata

from pipelines.config.params import SUB_WORDS, Cleaning, Tokens
from pipelines.text import subwords, tokenizers

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
# Control characters, the byte order mark, and zero-width characters that split words.
_INVISIBLE = re.compile(r"[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff]")


def normalize(text: str, cleaning: Cleaning, tokens: Tokens) -> str:
    """Return normalised text: NFC, single blanks, lowercase if `cleaning` says so.

    Under `words` it is tokenised, with single blanks between the words. Under `characters` line
    ends stay, the last one too: a language model learns them. Under `spaces` and with sub-words the
    text between its blanks stays as it is.
    """
    text = _INVISIBLE.sub("", _LINE_ENDS.sub("\n", text))
    text = unicodedata.normalize("NFC", text.lower() if cleaning.lowercase else text)
    if tokens == "characters":
        return _BLANKS.sub(" ", text).strip(" ")
    if tokens == "words":
        return tokenizers.words(text)
    if tokens in SUB_WORDS:
        text = text.replace(subwords.BLANK, "_")
    return " ".join(text.split())
