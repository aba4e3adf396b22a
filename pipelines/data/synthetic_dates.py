"""Synthetic dates: as people write them, and in ISO 8601."""

from __future__ import annotations

import datetime
import re

import numpy as np
from babel import Locale, UnknownLocaleError
from babel.dates import DateTimePattern
from babel.localedata import locale_identifiers

from pipelines.config.params import DatesSource
from pipelines.errors import UserError, close_match

LENGTHS = ("full", "long", "medium")
_QUOTED = re.compile(r"'[^']*'")
_MONTH_IN_LETTERS = re.compile(r"(?<![ML])[ML]{3,4}(?![ML])")
_WHOLE_YEAR = re.compile(r"(?<!y)(y|y{4})(?!y)")


def date_pairs(source: DatesSource, seed: int) -> list[tuple[str, str]]:
    """Return distinct pairs of a date as people write it and the same date in ISO 8601.

    Day, locale and pattern are sampled uniformly. If the time span is too short for `examples`
    distinct pairs, there are fewer.
    """
    patterns_of = [(locale, patterns(locale)) for locale in map(_locale, source.locales)]
    generator = np.random.default_rng(seed)
    days = (source.end - source.start).days + 1
    pairs: dict[tuple[str, str], None] = {}
    for _ in range(20 * source.examples):
        if len(pairs) == source.examples:
            break
        date = source.start + datetime.timedelta(days=int(generator.integers(days)))
        locale, choices = patterns_of[int(generator.integers(len(patterns_of)))]
        pattern = choices[int(generator.integers(len(choices)))]
        pairs[pattern.apply(date, locale), date.isoformat()] = None
    return list(pairs)


def patterns(locale: Locale) -> list[DateTimePattern]:
    """Return the unambiguous CLDR date patterns of a locale: month in letters, year in full.

    "03/04/05" is a different day in different countries.

    Raises:
        UserError: the locale has no such pattern.
    """
    choices = [locale.date_formats[length] for length in LENGTHS]
    unambiguous = [
        pattern for pattern in choices if _is_unambiguous(_QUOTED.sub("", pattern.pattern))
    ]
    if not unambiguous:
        raise UserError(
            f"The locale '{locale}' writes months as numbers only, which is ambiguous: remove it "
            "from 'locales'."
        )
    return unambiguous


def _is_unambiguous(pattern: str) -> bool:
    return bool(_MONTH_IN_LETTERS.search(pattern) and _WHOLE_YEAR.search(pattern))


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        similar = close_match(name, locale_identifiers(), cutoff=0)
        raise UserError(f"Babel has no locale '{name}'; did you mean '{similar}'?") from None
