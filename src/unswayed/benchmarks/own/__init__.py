"""Benchmarks from a user's own pictures."""
