"""Parameters: types, validation and error messages."""
