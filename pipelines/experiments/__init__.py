"""Small experiments on the project's own layers and models."""
