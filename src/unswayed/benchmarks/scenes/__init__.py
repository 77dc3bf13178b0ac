"""Drawn questions with exact truth: nothing to download, as many as wanted, never the same in two splits."""

from unswayed.benchmarks.scenes.language import find
from unswayed.benchmarks.scenes.questions import FAMILIES, LEVELS, Asked, again, cues, load
from unswayed.benchmarks.scenes.world import SPLITS, Scene, Thing

__all__ = ["FAMILIES", "LEVELS", "SPLITS", "Asked", "Scene", "Thing", "again", "cues", "find", "load"]
