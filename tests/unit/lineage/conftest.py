"""Fixtures: a project with one small model."""

from tests.unit.tiny_project import base, project, sealed, target

__all__ = ["base", "project", "sealed", "target"]
