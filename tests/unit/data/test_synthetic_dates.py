import datetime
import re

import pytest
from babel import Locale
from babel.dates import format_date

from pipelines.config import params
from pipelines.data import synthetic_dates
from pipelines.errors import UserError


def source(**changes: object) -> params.DatesSource:
    tree = {
        "kind": "generated",
        "generator": "dates",
        "examples": 300,
        "start": "1990-01-01",
        "end": "1999-12-31",
        "locales": ["de", "en", "fr", "pt"],
        **changes,
    }
    return params.DatesSource.model_validate(tree)


def test_equal_seeds_give_equal_pairs() -> None:
    pairs = synthetic_dates.date_pairs(source(), seed=1)
    assert pairs == synthetic_dates.date_pairs(source(), seed=1)
    assert pairs != synthetic_dates.date_pairs(source(), seed=2)
    assert len(pairs) == len(set(pairs)) == 300


def test_every_pair_is_that_date_in_one_of_the_locales() -> None:
    for human, iso in synthetic_dates.date_pairs(source(), seed=1):
        date = datetime.date.fromisoformat(iso)
        assert datetime.date(1990, 1, 1) <= date <= datetime.date(1999, 12, 31)
        forms = {
            format_date(date, length, locale)
            for locale in ("de", "en", "fr", "pt")
            for length in ("full", "long", "medium")
        }
        assert human in forms


def test_months_are_in_letters_and_years_in_full() -> None:
    for human, iso in synthetic_dates.date_pairs(source(), seed=1):
        assert re.search(r"[^\W\d]{3}", human)
        assert iso[:4] in human
    patterns = [pattern.pattern for pattern in synthetic_dates.patterns(Locale("de"))]
    assert patterns == ["EEEE, d. MMMM y", "d. MMMM y"], "dd.MM.y is ambiguous"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("d MMM y", True), ("LLLL d, yyyy", True), ("d MMM yy", False), ("d/MM/y", False)],
)
def test_unambiguous_patterns(pattern: str, expected: bool) -> None:
    assert synthetic_dates._is_unambiguous(pattern) == expected


def test_a_short_time_span_gives_all_of_its_pairs() -> None:
    pairs = synthetic_dates.date_pairs(
        source(end="1990-01-01", locales=["fr"], examples=50), seed=1
    )
    assert sorted(pairs) == [
        ("1 janv. 1990", "1990-01-01"),
        ("1 janvier 1990", "1990-01-01"),
        ("lundi 1 janvier 1990", "1990-01-01"),
    ]


def test_unusable_locales_are_refused() -> None:
    with pytest.raises(UserError, match="no locale 'en-GB'; did you mean 'en_GB'"):
        synthetic_dates.date_pairs(source(locales=["en-GB"]), seed=1)
    with pytest.raises(UserError, match="no locale 'xx'"):
        synthetic_dates.date_pairs(source(locales=["xx"]), seed=1)
    with pytest.raises(UserError, match=r"'zh' writes months as numbers.*'locales'"):
        synthetic_dates.date_pairs(source(locales=["zh"]), seed=1)
