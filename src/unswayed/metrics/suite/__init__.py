"""Measures over several models or benchmarks: means over benchmarks, pairs and groups of models, ranks."""
