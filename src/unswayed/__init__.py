"""Does a vision-language model that thinks aloud hold its ground?

>>> import unswayed
>>> run = await unswayed.audit(backend, questions, ["base", "wrong-caption"])  # doctest: +SKIP
>>> run.summary()  # doctest: +SKIP
"""

from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.benchmarks.registry import load as load_questions
from unswayed.conditions import CONDITIONS, Condition, Prompt, condition
from unswayed.errors import BackendError, BadImage, BadInput, MissingExtra, RunChanged, UnswayedError
from unswayed.model_io import (
    Capabilities,
    Generation,
    LetterScores,
    Request,
    Sampling,
)
from unswayed.pipeline.audit import Run, audit
from unswayed.question import Cue, Cues, Image, Question

__version__ = "0.2.0"

__all__ = [
    "CONDITIONS",
    "Backend",
    "BackendError",
    "BadImage",
    "BadInput",
    "Capabilities",
    "Condition",
    "Cue",
    "Cues",
    "Generation",
    "Image",
    "LetterScores",
    "MissingExtra",
    "Prompt",
    "Question",
    "Request",
    "Run",
    "RunChanged",
    "Sampling",
    "UnswayedError",
    "audit",
    "condition",
    "load_questions",
    "open_backend",
]
