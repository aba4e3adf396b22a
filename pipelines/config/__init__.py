"""Parameters: typed, validated, with error messages."""
