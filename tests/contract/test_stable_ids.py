"""The check that tests have the same names in every process."""

import ast
import gzip

import pytest

from tests import stable_ids

NAMES = {"NUMBERS": {1, 2}, "TABLE": {"a": 1}, "ORDERED": [1, 2]}


@pytest.mark.parametrize(
    "expression",
    [
        "NUMBERS",
        "{1, 2}",
        "set(TABLE) - {'a'}",
        "list(NUMBERS)",
        "[*ORDERED, *NUMBERS]",
        "[x for x in NUMBERS]",
        "{x: 1 for x in NUMBERS}",
        "zip(ORDERED, frozenset(ORDERED))",
        "MADE",
    ],
)
def test_values_from_a_set_are_refused(expression):
    made = {"MADE": ast.parse("tuple(NUMBERS)", mode="eval").body}
    assert stable_ids.is_unordered(ast.parse(expression, mode="eval").body, NAMES, made)


@pytest.mark.parametrize(
    "expression",
    ["ORDERED", "TABLE", "sorted(NUMBERS)", "[(1, {1, 2})]", "[x for x in TABLE if x in NUMBERS]"],
)
def test_ordered_values_may_hold_sets(expression):
    assert not stable_ids.is_unordered(ast.parse(expression, mode="eval").body, NAMES)


def test_a_set_as_the_values_of_a_test_stops_the_collection(pytester):
    pytester.makeconftest("from tests.conftest import pytest_generate_tests")
    text = "import pytest\nNAMES = {'a', 'b'}\n@pytest.mark.parametrize('x', list(NAMES))\n"
    pytester.makepyfile(f"{text}def test_x(x): pass\n")
    result = pytester.runpytest_inprocess(
        "--collect-only", "-p", "no:xdist", "-p", "no:cacheprovider"
    )
    result.stdout.fnmatch_lines(["*test_x goes through a set, whose order is random.*"])


def test_names_of_packed_bytes_are_refused():
    with pytest.raises(pytest.UsageError, match=r"Pass `ids`\."):
        stable_ids.make_id(gzip.compress(b"a"), "value")
    stable_ids.make_id(b"\xff", "value")
