"""Small experiments: memory and gradient flow, word order, source length."""
