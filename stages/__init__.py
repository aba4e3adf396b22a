"""Stages of dvc.yaml, one file each."""
