"""Keras layers; no files, no params."""
