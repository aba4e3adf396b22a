"""The program `seqproof`: the only package that an installation adds; see `launcher`."""
