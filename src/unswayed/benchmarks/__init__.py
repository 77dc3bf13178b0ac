"""Sources of questions: synthetic scenes, published benchmarks, TSV files; loaded with `load`."""

from unswayed.benchmarks.questions import Questions
from unswayed.benchmarks.records import Skipped
from unswayed.benchmarks.registry import BENCHMARKS, Benchmark, load, load_mixture

__all__ = ["BENCHMARKS", "Benchmark", "Questions", "Skipped", "load", "load_mixture"]
