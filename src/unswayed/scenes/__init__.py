"""Synthetic scenes with known ground truth: generated, not downloaded, in splits that share no scene."""

from unswayed.scenes.language import find_statements
from unswayed.scenes.questions import (
    FAMILIES,
    LEVELS,
    SceneQuestion,
    SceneTruth,
    cues,
    load,
    regenerate,
    truth,
)
from unswayed.scenes.world import SPLITS, Scene, SceneObject

__all__ = [
    "FAMILIES",
    "LEVELS",
    "SPLITS",
    "Scene",
    "SceneObject",
    "SceneQuestion",
    "SceneTruth",
    "cues",
    "find_statements",
    "load",
    "regenerate",
    "truth",
]
