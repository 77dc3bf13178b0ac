"""The key of a trial: one hash over everything that reaches the model, and the identity of the trial.

Two trials of equal content are still two trials: a cue may read the same in two conditions, and one image
may have two questions. So benchmark, uid, condition and sample are hashed beside the content. A key in a
run folder therefore means that exactly this was asked.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from unswayed.backends.base import Backend, optional_parts
from unswayed.formats import COMMON, Format
from unswayed.model_io import Request, Sampling
from unswayed.question import Question

SEED_BITS = 31  # every server and library takes a seed of this size


def trial_seed(seed: int, question: Question, condition: str, sample: int) -> int:
    """Seed of one trial's sampling, in [0, 2**31); independent of the other trials of the run."""
    digest = _digest([seed, question.benchmark, question.uid, condition, sample])
    return int.from_bytes(digest.digest()[:8], "big") >> (64 - SEED_BITS)


def identity(benchmark: str, uid: str, condition: str, sample: int) -> str:
    """Identity of a trial, whatever its content: 32 hexadecimal digits."""
    return _digest([benchmark, uid, condition, sample]).hexdigest()[:32]


def backend_identity(backend: Backend) -> str:
    """The kind of backend and what else decides its answers (dtype, quantisation, chat template).

    It is the backend's optional attribute `identity`, by default the name of its class.
    """
    return optional_parts(backend).identity


class TrialKeys:
    """Makes the keys of one run; the part of the hash that all its trials share is computed once."""

    def __init__(self, backend: Backend, sampling: Sampling, format: Format = COMMON) -> None:
        """`format`: the prompt format of the run; the common one leaves no mark in the hash."""
        run = [backend.name, backend.revision, backend_identity(backend), sampling.as_dict()]
        if format != COMMON:
            run.append(format.as_dict())
        self._run = _digest(run)

    def key(
        self,
        question: Question,
        condition: str,
        sample: int,
        request: Request | None,
        image_sha256: tuple[str, ...] = (),
    ) -> str:
        """SHA-256 (64 hexadecimal digits) of the canonical JSON of run and trial.

        `request` is None for a trial that reaches no model; then only the identity is hashed.
        """
        content: list[Any] = []
        if request is not None:
            prompt = request.prompt
            text = [prompt.system, prompt.text, prompt.prefill]
            content = [request.seed, *text, list(image_sha256), prompt.letters]
            if prompt.follow_up:
                content.append(prompt.follow_up)
        digest = self._run.copy()
        digest.update(_canonical([question.benchmark, question.uid, condition, sample, content]))
        return digest.hexdigest()


def _canonical(value: object) -> bytes:
    # Escaped to ASCII, so that text with lone surrogates can be hashed; ended by a newline, so that the
    # boundary between two values is part of the hash.
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _digest(value: object) -> hashlib._Hash:
    return hashlib.sha256(_canonical(value))
