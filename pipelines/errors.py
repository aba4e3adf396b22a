"""The one exception that a person is meant to read."""


class Refusal(Exception):
    """Bad input, said in one sentence: what is wrong, where, and how to mend it.

    The console prints its text without a traceback and exits with 1.
    """
