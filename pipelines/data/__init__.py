"""Data: sources, readers, cleaning, splits, and checks of data frames."""
