"""Tabs of the demo: one file for each task."""
