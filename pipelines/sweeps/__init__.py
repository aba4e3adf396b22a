"""Searches for better parameters of a model."""
