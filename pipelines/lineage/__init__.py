"""Lineage: the DVC graph, lock files, Git state and provenance of results."""
