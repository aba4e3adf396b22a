"""Stages of the graph side by side."""
