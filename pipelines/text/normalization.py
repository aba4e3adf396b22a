"""Normalisation of text: the same for a corpus and for the text that users type."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.config.params import SUB_WORDS, Cleaning, Tokens, UnicodeForm
from pipelines.text import subwords, tokenizers
from pipelines.text.tokenizers import SEPARATOR

_LINE_ENDS = re.compile(r"\r\n?|[\v\f\x85\u2028\u2029]")
_BLANKS = re.compile(r"[^\S\n]+")
# Control characters, the byte order mark, marks of the writing direction, and zero-width characters
# that split words. Joiners stay: they are part of Persian and Indic words and of emoji.
_INVISIBLE = re.compile(
    r"[\x01-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u200b\u200e\u200f\u202a-\u202e"
    r"\u2060\u2066-\u2069\ufeff]"
)
_ASCII_INVISIBLE = {code: None for code in range(1, 0x80) if _INVISIBLE.match(chr(code))}
BATCH = 1 << 16  # texts whose words are normalised at once
SMALL = 1 << 28  # characters: Arrow's arrays have less than 2 GB
REMEMBERED_CHUNKS, LONG_CHUNK = 1 << 17, 40  # in memory; characters of the longest one
_SURROGATES = re.compile(r"[\ud800-\udfff]")  # no characters: they are halves of one


def normalize(text: str, cleaning: Cleaning, tokens: Tokens) -> str:
    """Return normalised text, as `normalize_many` does."""
    return normalize_many([text], cleaning, tokens)[0]


def normalize_many(texts: Sequence[str], cleaning: Cleaning, tokens: Tokens) -> list[str]:
    """Return normalised texts: one form of Unicode, single blanks, lowercase if configured.

    Under `words` they are tokenised, with single blanks between the words. Under `characters` line
    ends stay, the last one too: a language model learns them. Under `spaces` and with sub-words the
    text between its blanks stays as it is.

    Many texts are normalised as one, which takes several times their size in memory.
    """
    if tokens != "words":
        return _normalize(texts, cleaning, tokens)
    normalized = []
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        is_small = sum(map(len, batch)) < SMALL
        words = _remembered_words(batch, cleaning) if is_small else None
        normalized += _normalize(batch, cleaning, tokens) if words is None else words
    return normalized


def normalize_labels(labels: Iterable[str], form: UnicodeForm) -> list[str]:
    """Return labels in one form of Unicode, in which labels that look alike are equal strings."""
    return [unicodedata.normalize(form, label) for label in labels]


def _normalize(texts: Sequence[str], cleaning: Cleaning, tokens: Tokens) -> list[str]:
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


def _remembered_words(texts: Sequence[str], cleaning: Cleaning) -> list[str] | None:
    """Return texts as normalised words; each chunk between blanks is normalised only once.

    Most of a text consists of the same few thousand chunks. Returns None if a chunk begins with a
    combining mark, which belongs to the chunk before, and if a text is no valid Unicode.
    """
    known = _words_of(cleaning.unicode, cleaning.lowercase)
    try:
        split = pc.utf8_split_whitespace(pa.array(texts, pa.string()))
    except UnicodeEncodeError:  # half a character
        return None
    encoded = split.values.dictionary_encode()
    chunks = encoded.dictionary.to_pylist()
    known_words = list(map(known.get, chunks))
    new = [chunk for chunk, text in zip(chunks, known_words, strict=True) if text is None]
    words = dict(zip(new, _normalize(new, cleaning, "words"), strict=True))
    if any(text and tokenizers.is_mark(text[0]) for text in words.values()):
        return None
    pairs = zip(chunks, known_words, strict=True)
    distinct = [words[chunk] if text is None else text for chunk, text in pairs]
    taken = pa.array(distinct, pa.string()).take(encoded.indices)
    joined = pc.binary_join(pa.ListArray.from_arrays(split.offsets, taken), " ")
    invisible = {chunk for chunk, text in words.items() if chunk and not text}
    if invisible:  # they leave two blanks
        joined = pc.replace_substring_regex(joined, " +", " ")
    if len(known) > REMEMBERED_CHUNKS:
        known.clear()
    short = {chunk for chunk in words if len(chunk) <= LONG_CHUNK} - invisible
    known.update((chunk, words[chunk]) for chunk in short)
    joined = pc.utf8_trim(joined, " ")
    normalized: list[str] = joined.to_pylist()
    return normalized


@cache
def _words_of(unicode: UnicodeForm, lowercase: bool) -> dict[str, str]:
    """Return the words of chunks that were normalised in this way before."""
    return {}


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
