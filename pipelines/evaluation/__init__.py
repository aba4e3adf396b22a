"""Metrics, significance tests and seed statistics."""
