"""Recurrent layers, attention, pooling and embeddings."""
