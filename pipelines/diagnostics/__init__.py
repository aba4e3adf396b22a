"""Check that this machine and project are fit."""
