"""Proposals for the params.yaml of a person's own text: what the files hold, and what fits them."""
