"""Tasks, one object each."""
