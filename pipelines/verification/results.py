"""What looking at a level came to."""

from __future__ import annotations

from dataclasses import dataclass

IDENTICAL, CLOSE, DIFFERENT = "identical", "within tolerance", "different"


@dataclass(frozen=True)
class CheckResult:
    """The word for it, and why.

    Attributes:
        word: identical, within tolerance, or different.
        findings: what is wrong, one sentence each; without any the result stands.
        remarks: what else there is to know.
    """

    word: str
    findings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
