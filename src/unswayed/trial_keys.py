"""The name of a trial: one hash over everything that reaches the model, and who it is asked about.

Two trials of equal content are still two trials: a cue may happen to read the same in two
conditions, and one picture may be asked about twice. So benchmark, uid, condition and sample are in
the key beside the content. A key found in a run folder therefore means: exactly this was asked.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from unswayed.backends.base import Backend
from unswayed.model_io import Request, Sampling
from unswayed.question import Question

SEED_BITS = 31  # every server and library takes a seed of this size


def trial_seed(seed: int, question: Question, condition: str, sample: int) -> int:
    """Seed of one trial's draw, in [0, 2**31): depends on nothing else that is in the run."""
    digest = _digest([seed, question.benchmark, question.uid, condition, sample])
    return int.from_bytes(digest.digest()[:8], "big") >> (64 - SEED_BITS)


def identity(benchmark: str, uid: str, condition: str, sample: int) -> str:
    """Which cell of the table a trial fills, whatever its content: 32 hexadecimal digits."""
    return _digest([benchmark, uid, condition, sample]).hexdigest()[:32]


def backend_identity(backend: Backend) -> str:
    """Kind of backend, and whatever else decides its answers (dtype, quantisation, chat template).

    A backend says so in an optional attribute `identity`; otherwise the name of its class is taken.
    """
    return str(getattr(backend, "identity", type(backend).__name__))


class Keys:
    """Keys of one run: the run's share of the hash is computed once."""

    def __init__(self, backend: Backend, sampling: Sampling) -> None:
        run = [backend.name, backend.revision, backend_identity(backend), sampling.as_dict()]
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

        `request` is None for what never reaches a model; then only the identity is hashed.
        """
        content: list[Any] = []
        if request is not None:
            p = request.prompt
            content = [request.seed, p.system, p.text, p.prefill, list(image_sha256), p.letters]
        found = self._run.copy()
        found.update(_canonical([question.benchmark, question.uid, condition, sample, content]))
        return found.hexdigest()


def _canonical(value: object) -> bytes:
    # Escaped to ASCII, so that text with lone surrogates has a hash too; a line each, so that the
    # boundary between two values is part of the hash.
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii") + b"\n"


def _digest(value: object) -> hashlib._Hash:
    return hashlib.sha256(_canonical(value))
