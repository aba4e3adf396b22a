"""What the report's last chapter shows: gradients, long memory, word order, length."""
