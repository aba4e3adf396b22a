"""Text that is made rather than found: human dates beside their ISO form."""

from __future__ import annotations

import datetime
import difflib
import re

import numpy as np
from babel import Locale, UnknownLocaleError
from babel.dates import DateTimePattern
from babel.localedata import locale_identifiers

from pipelines.config.params import GeneratedSource
from pipelines.errors import UserError

LENGTHS = ("full", "long", "medium")
_QUOTED = re.compile(r"'[^']*'")
_MONTH_IN_LETTERS = re.compile(r"(?<![ML])[ML]{3,4}(?![ML])")
_WHOLE_YEAR = re.compile(r"(?<!y)(y|y{4})(?!y)")


def dates(source: GeneratedSource, seed: int) -> list[tuple[str, str]]:
    """Distinct pairs (date as people write it, the same date in ISO 8601).

    Day, locale and pattern are drawn evenly; a span too short for `examples` distinct pairs gives
    those that were met.
    """
    written = [(locale, patterns(locale)) for locale in map(_locale, source.locales)]
    generator = np.random.default_rng(seed)
    days = (source.end - source.start).days + 1
    pairs: dict[tuple[str, str], None] = {}
    for _ in range(20 * source.examples):
        if len(pairs) == source.examples:
            break
        date = source.start + datetime.timedelta(days=int(generator.integers(days)))
        locale, known = written[int(generator.integers(len(written)))]
        pattern = known[int(generator.integers(len(known)))]
        pairs[pattern.apply(date, locale), date.isoformat()] = None
    return list(pairs)


def patterns(locale: Locale) -> list[DateTimePattern]:
    """The CLDR date patterns of a locale that mean one day: month in letters, year in full.

    "03/04/05" is another day in another country, and nothing in the text says which country.
    """
    known = [locale.date_formats[length] for length in LENGTHS]
    kept = [pattern for pattern in known if _means_one_day(_QUOTED.sub("", pattern.pattern))]
    if not kept:
        raise UserError(
            f"The locale '{locale}' writes months in digits only, which may mean several days: "
            "take it out of 'locales'."
        )
    return kept


def _means_one_day(pattern: str) -> bool:
    return bool(_MONTH_IN_LETTERS.search(pattern) and _WHOLE_YEAR.search(pattern))


def _locale(name: str) -> Locale:
    try:
        return Locale.parse(name)
    except (UnknownLocaleError, ValueError):
        near = difflib.get_close_matches(name, locale_identifiers(), n=1, cutoff=0)
        raise UserError(f"Babel knows no locale '{name}'; the nearest is '{near[0]}'.") from None
