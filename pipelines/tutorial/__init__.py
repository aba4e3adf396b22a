"""Figures of the tutorial in docs/tutorial, drawn from what the stages wrote."""
