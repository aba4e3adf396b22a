"""What shows that a result is right: the chain it comes from, and the machine it was made on."""
