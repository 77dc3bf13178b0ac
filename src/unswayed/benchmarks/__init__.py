"""Where questions come from: drawn (`scenes`), or read from a TSV file (`tsv`); got through `load`."""

from unswayed.benchmarks.registry import BENCHMARKS, Benchmark, Questions, load
from unswayed.benchmarks.tsv import Skipped

__all__ = ["BENCHMARKS", "Benchmark", "Questions", "Skipped", "load"]
