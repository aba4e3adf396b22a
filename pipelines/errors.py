"""The exceptions that a person is meant to read."""

from __future__ import annotations


class UserError(Exception):
    """Bad input, said in one sentence: what is wrong, where, and how to mend it.

    The console prints its text without a traceback and exits with 1.
    """


class Interrupted(Exception):
    """A training was told to stop, and did so between two steps.

    Args:
        by: what told it, `SIGTERM` for instance.
        code: what the process exits with.
        where: how far it had come, as an end of the sentence.
    """

    def __init__(self, by: str, code: int, where: str = "before its first step") -> None:
        super().__init__(f"Stopped by {by} {where}.")
        self.by, self.code = by, code

    def after(self, step: int) -> Interrupted:
        """The same of a training that can be gone on with."""
        return Interrupted(
            self.by, self.code, f"after step {step:,}; the same command goes on from there"
        )
