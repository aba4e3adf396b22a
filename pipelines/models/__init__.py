"""Models, one file each, and their serialization."""
