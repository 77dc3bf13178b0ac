"""Drawn questions with exact truth: nothing to download, as many as wanted, never the same in two splits."""

from unswayed.scenes.language import find
from unswayed.scenes.questions import (
    FAMILIES,
    LEVELS,
    Asked,
    again,
    cues,
    load,
)
from unswayed.scenes.world import SPLITS, Scene, Thing

__all__ = ["FAMILIES", "LEVELS", "SPLITS", "Asked", "Scene", "Thing", "again", "cues", "find", "load"]
