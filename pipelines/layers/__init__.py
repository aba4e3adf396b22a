"""Recurrent layers, attention, pooling and embeddings: no files, no parameters."""
