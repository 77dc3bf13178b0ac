"""Suites: many models on many benchmarks under the same conditions, as ordinary run folders."""
