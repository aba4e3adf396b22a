"""Bytes to validated data frames."""
