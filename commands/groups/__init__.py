"""Commands by their group in `seqproof --help`: arguments and options, and the module to call."""
