"""Each of two processes gets long tests first, and short ones last."""

from tests import order

SHORT = [f"tests/unit/text/test_{number}.py::test" for number in range(9)]
FIRST = ["tests/walk/test_a.py::test", "tests/cluster/test_b.py::test"]
SECOND = ["tests/faults/test_c.py::test", "tests/unit/commands/test_d.py::test[1]"]


def test_both_halves_begin_with_long_tests():
    names = [FIRST[0], SECOND[0], FIRST[1], *SHORT, SECOND[1]]
    ordered = order.halves(names, names)
    assert sorted(ordered) == sorted(names)
    assert ordered[: len(FIRST)] == FIRST
    middle = len(names) // 2
    assert ordered[middle : middle + len(SECOND)] == SECOND
    assert [name for name in ordered if name in SHORT] == SHORT


def test_few_tests_stay_in_their_order():
    names = [*FIRST, *SECOND[:1]]
    assert order.halves(names, names) == names
    assert order.halves(SHORT, SHORT) == SHORT
