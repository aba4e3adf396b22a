"""Results of a check."""

from __future__ import annotations

from dataclasses import dataclass

IDENTICAL, DIFFERENT = "identical", "different"
CLOSE = "close"  # numbers of one seed that differ a little
WITHIN = "within tolerance"  # numbers of several seeds that differ less than seeds do


@dataclass(frozen=True)
class CheckResult:
    """Result of checking a model at one level.

    Attributes:
        status: identical, within tolerance, close, or different.
        findings: errors, one sentence each; empty if the check passed.
        remarks: further information.
        figure: the largest relative difference, in words; empty if there is none.
    """

    status: str
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    figure: str = ""
