"""Order of the tests for several processes.

`worksteal` of pytest-xdist gives each of two processes one half of the list. A process that has
ended its own takes tests from the end of the other's. So each half begins with long tests and ends
with short ones, and tests that use the same server are in the same half.
"""

from collections.abc import Sequence
from typing import TypeVar

FIRST = ("tests/walk/", "tests/cluster/")  # with the server of the fixture `server`
SECOND = ("tests/faults/", "tests/unit/cluster/", "tests/unit/commands/")  # that of tests/faults
Test = TypeVar("Test")


def halves(tests: Sequence[Test], names: Sequence[str]) -> list[Test]:
    """Return tests in the order of two halves.

    Args:
        tests: the tests.
        names: the node identifier of each test.
    """
    named = list(zip(tests, names, strict=True))
    first = [test for test, name in named if name.startswith(FIRST)]
    second = [test for test, name in named if name.startswith(SECOND)]
    short = [test for test, name in named if not name.startswith(FIRST + SECOND)]
    middle = max(0, len(tests) // 2 - len(first))
    return [*first, *short[:middle], *second, *short[middle:]]
