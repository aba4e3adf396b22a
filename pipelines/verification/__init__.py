"""Verification of results by hashes, repeated steps and reruns."""
