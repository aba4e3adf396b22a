"""Local web page that shows the trained models of a project: `seqproof demo`."""
