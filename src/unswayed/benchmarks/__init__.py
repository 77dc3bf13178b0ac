"""Where questions come from: drawn (`scenes`), or read, one module a benchmark; got through `load`."""

from unswayed.benchmarks.records import Skipped
from unswayed.benchmarks.registry import BENCHMARKS, Benchmark, Questions, load

__all__ = ["BENCHMARKS", "Benchmark", "Questions", "Skipped", "load"]
