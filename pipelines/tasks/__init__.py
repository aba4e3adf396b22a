"""One object per task."""
