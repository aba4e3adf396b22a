"""Small experiments: gradient flow, long memory, word order, source length."""
