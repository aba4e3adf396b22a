"""Whether a model may take the place of another: the question that `seqproof promote` asks."""

from __future__ import annotations

from pipelines.tracking.ledger import Kept


def better(candidate: Kept, holder: Kept) -> str | None:
    """Why a model is not significantly better than the one that has the alias; None if it is.

    Nothing is compared yet, and so nothing refused.

    Args:
        candidate: the run whose model is to have the alias.
        holder: the run whose model has it.
    """
    return None
