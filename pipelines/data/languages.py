"""Languages and scripts of texts."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

# Shorter texts have too few letters for a language to be identified.
MIN_LETTERS = 20


def count_languages(texts: Iterable[str]) -> Counter[str]:
    """Count texts by their language (ISO 639-1), as py3langid identifies it.

    Texts with fewer than 20 letters are not counted.
    """
    import py3langid

    long_texts = (text for text in texts if sum(map(str.isalpha, text)) >= MIN_LETTERS)
    return Counter(str(py3langid.classify(text)[0]) for text in long_texts)


def count_scripts(texts: Iterable[str]) -> Counter[str]:
    """Count texts by the script of most of their letters; texts without letters are `none`."""
    return Counter(map(_main_script, texts))


def _main_script(text: str) -> str:
    scripts = Counter(script for character in text if (script := _script(character)))
    return min(scripts, key=lambda script: (-scripts[script], script)) if scripts else "none"


@cache
def _script(character: str) -> str:
    """Return the script of a letter: the first word of its name in Unicode; empty for others."""
    if not character.isalpha():
        return ""
    return unicodedata.name(character, "unnamed").partition(" ")[0].capitalize()
