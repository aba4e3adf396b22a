"""Whether a difference between two models is real."""
