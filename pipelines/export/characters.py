"""Tables of characters: what `unicodedata` and UAX 29 know, for a graph that has neither.

The tables are computed when a model is exported, from the libraries that `predict` uses.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache

import unicode_segmentation_rs

from pipelines.config.params import UnicodeForm
from pipelines.text import tokenizers

SURROGATES = range(0xD800, 0xE000)
# Planes of unassigned and private code points, in which every character is a word.
PLAIN = (range(0x20000, 0xE0000), range(0xF0000, 0x110000))
HIGHEST = 0x110000


@cache
def all_characters() -> tuple[str, ...]:
    """Return every character but those of planes without properties."""
    skipped = (SURROGATES, *PLAIN)
    codes = (code for code in range(HIGHEST) if not any(code in part for part in skipped))
    return tuple(map(chr, codes))


@cache
def character_class(name: str) -> str:
    """Return a class of a regular expression: `space`, `blank` (no line end), `word` or `mark`."""
    tests: dict[str, Callable[[str], object]] = {
        "space": str.isspace,
        "blank": lambda character: character.isspace() and character != "\n",
        "word": re.compile(r"\w").match,
        "mark": tokenizers.is_mark,
    }
    return ranges(filter(tests[name], all_characters()))


def ranges(characters: Iterable[str]) -> str:
    """Return the inside of a class that matches these characters, for `re` and RE2."""
    codes = sorted(map(ord, set(characters)))
    parts: list[list[int]] = []
    for code in codes:
        if parts and parts[-1][1] == code - 1:
            parts[-1][1] = code
        else:
            parts.append([code, code])
    return "".join(
        _escape(first) if first == last else f"{_escape(first)}-{_escape(last)}"
        for first, last in parts
    )


def _escape(code: int) -> str:
    return f"\\x{code:02x}" if code < 0x80 else chr(code)


# Normal forms -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class NormalForm:
    """Tables of a normal form of Unicode (UAX 15).

    Attributes:
        decompositions: full decomposition of each character that has one.
        classes: canonical combining class of each character whose class is not 0.
        compositions: composed character of each pair; empty for forms without composition.
        suspects: class of the characters that text in this form may lack or combine.
    """

    decompositions: dict[int, tuple[int, ...]]
    classes: dict[int, int]
    compositions: dict[tuple[int, int], int]
    suspects: str


@cache
def normal_form(form: UnicodeForm) -> NormalForm:
    """Return the tables of a normal form."""
    characters = all_characters() + tuple(map(chr, range(0x2F800, 0x2FA20)))  # compatibility forms
    decomposing: UnicodeForm = "NFKD" if "K" in form else "NFD"
    decomposed = {c: unicodedata.normalize(decomposing, c) for c in characters}
    decompositions = {ord(c): tuple(map(ord, text)) for c, text in decomposed.items() if text != c}
    classes = {ord(c): unicodedata.combining(c) for c in characters if unicodedata.combining(c)}
    compositions = {}
    if form.endswith("C"):
        for c in characters:
            canonical = unicodedata.normalize("NFD", c)
            head = unicodedata.normalize("NFC", canonical[:-1])
            if canonical != c and len(head) == 1 and unicodedata.normalize("NFC", c) == c:
                compositions[ord(head), ord(canonical[-1])] = ord(c)
    changed = {c for c in characters if unicodedata.normalize(form, c) != c}
    second = {chr(pair[1]) for pair in compositions}
    suspects = ranges(changed | second | set(map(chr, classes)))
    return NormalForm(decompositions, classes, compositions, suspects)


# Words ------------------------------------------------------------------------------------------

# The rules of UAX 29 for the classes of a text's characters: a letter, h Hebrew letter, i picture
# that is a letter, p other picture, 1 digit, _ connector, k Katakana, f half of a flag, x mark or
# format character, z zero-width joiner, ' and " quotes, : between letters, comma between digits, ;
# between both, blank, o other. Their numbers stand beside them.
_MARKS = "[xz]*"


def _run(unit: str, *further: str) -> str:
    return f"{unit}(?:{_MARKS}(?:{'|'.join([unit, *further])}))*"


_WORD = _run("[ahi]", f"[:;']{_MARKS}[ahi]")  # WB5, 6, 7
_NUMBER = _run("1", f"[,;']{_MARKS}1")  # WB8, 11, 12
_PART = f"(?:{_run(f'(?:{_WORD}|{_NUMBER})')}|{_run('k')})"  # WB9, 10, 13
_CONNECTORS = _run("_")
_CONNECTED = f"{_PART}(?:{_MARKS}{_CONNECTORS}(?:{_MARKS}{_PART})?)*"  # WB13a, 13b
_FLAG = f"f{_MARKS}f"  # WB15, 16
# A word, or another character with its marks (WB4).
WORD = f"(?:(?:{_CONNECTORS}{_MARKS})?{_CONNECTED}|{_CONNECTORS}|{_FLAG}|[^ ]){_MARKS}"
# Two or three neighbours that are one word: what they match, and without the line ends between.
JOINS = (
    (f"(h{_MARKS})\n(')", r"\1\2"),  # WB7a
    (f'(h{_MARKS})\n("{_MARKS})\n(h)', r"\1\2\3"),  # WB7b, 7c
    (r"(z)\n([ip])", r"\1\2"),  # WB3c
)


@dataclass(frozen=True)
class WordClasses:
    """Classes of characters, in ranges of code points.

    Attributes:
        starts: first code point of each range.
        classes: class of each range.
    """

    starts: tuple[int, ...]
    classes: str


@cache
def word_classes() -> WordClasses:
    """Return the class of every character, as the library of `tokenizers` has it."""
    extend = _joined("!", "")
    after_letter, after_digit = _joined("a", "") - extend, _joined("1", "") - extend
    after_katakana = _joined("\u30a2", "") - extend
    connector = after_katakana & after_letter
    digit = _joined("1,", "") - extend - connector
    letter = after_letter - digit - connector
    hebrew = _joined("", "'") & letter
    in_word = _joined("a", "a") - extend - after_letter
    in_number = _joined("1", "1") - extend - after_digit
    picture = _joined("!\u200d", "") - extend
    sets = {
        " ": {c for c in all_characters() if c.isspace()},
        "z": {"\u200d"},
        "x": extend,
        "_": connector,
        "h": hebrew,
        "i": letter & picture,
        "a": letter,
        "1": digit,
        "k": after_katakana,
        "f": _joined("\U0001f1e6", ""),
        "'": {"'"},
        '"': {'"'},
        ";": in_word & in_number,
        ":": in_word,
        ",": in_number,
        "p": picture,
    }
    starts, classes = [0], ["o"]
    for c in all_characters():
        kind = next((kind for kind, members in sets.items() if c in members), "o")
        if kind != classes[-1]:
            starts.append(ord(c))
            classes.append(kind)
    return WordClasses(tuple(starts), "".join(classes))


def _joined(before: str, after: str) -> set[str]:
    """Return the characters that are one word with what stands before and after them."""
    characters = [c for c in all_characters() if not c.isspace()]
    text = "\n".join(f"{before}{c}{after}" for c in characters)
    segments = unicode_segmentation_rs.split_word_bounds(text)
    joined, position, count = set(), 0, 0
    for segment in segments:
        if segment == "\n":
            if count == 1:
                joined.add(characters[position])
            position, count = position + 1, 0
        else:
            count += 1
    if count == 1:
        joined.add(characters[position])
    return joined
