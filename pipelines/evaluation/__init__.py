"""Evaluation: metrics, significance tests and seed statistics."""
