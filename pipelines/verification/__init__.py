"""Check that results are still what they were."""
