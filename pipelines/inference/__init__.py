"""Inference: beam search, sampling, likelihood and predictor."""
