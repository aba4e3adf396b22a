"""Results of a check."""

from __future__ import annotations

from dataclasses import dataclass

IDENTICAL, CLOSE, DIFFERENT = "identical", "within tolerance", "different"


@dataclass(frozen=True)
class CheckResult:
    """Result of checking a model at one level.

    Attributes:
        status: identical, within tolerance, or different.
        findings: errors, one sentence each; empty if the check passed.
        remarks: further information.
    """

    status: str
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
