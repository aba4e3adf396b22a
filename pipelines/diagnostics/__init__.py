"""Checks of machine, project and determinism for `seqproof doctor`."""
