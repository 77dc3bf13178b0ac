"""Does a vision-language model that thinks aloud hold its ground?

>>> import unswayed
>>> run = await unswayed.audit(backend, questions, ["base", "wrong-caption"])  # doctest: +SKIP
>>> run.summary()  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

# Each is imported at its first use: most commands and scripts need few of them.
_TARGETS = {
    "Backend": "unswayed.backends.base:Backend",
    "BackendError": "unswayed.errors:BackendError",
    "BadImage": "unswayed.errors:BadImage",
    "BadInput": "unswayed.errors:BadInput",
    "CONDITIONS": "unswayed.conditions:CONDITIONS",
    "Capabilities": "unswayed.model_io:Capabilities",
    "Condition": "unswayed.conditions:Condition",
    "Cue": "unswayed.question:Cue",
    "Cues": "unswayed.question:Cues",
    "Generation": "unswayed.model_io:Generation",
    "Image": "unswayed.question:Image",
    "LetterScores": "unswayed.model_io:LetterScores",
    "MissingExtra": "unswayed.errors:MissingExtra",
    "Prompt": "unswayed.conditions:Prompt",
    "Question": "unswayed.question:Question",
    "Request": "unswayed.model_io:Request",
    "Run": "unswayed.pipeline.audit:Run",
    "RunChanged": "unswayed.errors:RunChanged",
    "Sampling": "unswayed.model_io:Sampling",
    "UnswayedError": "unswayed.errors:UnswayedError",
    "audit": "unswayed.pipeline.audit:audit",
    "condition": "unswayed.conditions:condition",
    "load_questions": "unswayed.benchmarks.registry:load",
    "open_backend": "unswayed.backends:open_backend",
}


def __getattr__(name: str) -> Any:
    if name not in _TARGETS:
        raise AttributeError(f"module 'unswayed' has no attribute {name!r}")
    module, attribute = _TARGETS[name].split(":")
    value = globals()[name] = getattr(importlib.import_module(module), attribute)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
