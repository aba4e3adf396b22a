"""The DVC graph, lock files and Git state."""
