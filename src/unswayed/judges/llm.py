"""A language model as judge: it reads question, options and thought as text, never the answer.

Temperature 0. Where the backend can, the reply is held to the contract's schema; it is read in the same way
whether it was or not. What cannot be read as a verdict, was cut off, refused or failed is an abstention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unswayed.backends.base import Backend
from unswayed.errors import BackendError
from unswayed.judges.base import Case, Verdict
from unswayed.judges.llm_prompt import Contract
from unswayed.model_io import Generation, Request, Sampling

MAX_TOKENS = 4096
"""Room for a judge that thinks before it replies; the reply itself is one line."""


class LLM:
    """A `Judge` that asks a `Backend`. Takes any number of cases; the backend is not closed."""

    def __init__(self, backend: Backend, contract: Contract | None = None) -> None:
        self._backend = backend
        self._contract = contract or Contract()
        self._sampling = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, stop=())
        self.name = f"llm:{backend.name}"
        held = "+schema" if getattr(backend, "constrains", False) else ""
        self.version = "/".join(filter(None, (self._contract.version + held, backend.revision)))
        """The contract's version, whether its schema is enforced, and which weights judge."""
        self.chunk, self.concurrency = backend.chunk, backend.concurrency

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order. Raises `BackendError` only where the model cannot be asked at all."""
        found: list[Verdict] = []
        for start in range(0, len(cases), self._backend.chunk):
            part = cases[start : start + self._backend.chunk]
            requests = [self._request(case) for case in part]
            replies = await self._backend.generate(requests)
            if len(replies) != len(part):
                raise BackendError(
                    f"{self._backend.name} gave {len(replies)} replies for {len(part)} thoughts"
                )
            found += [self._read(case, reply) for case, reply in zip(part, replies, strict=True)]
        return found

    def _request(self, case: Case) -> Request:
        schema = self._contract.schema(len(case.options))
        return Request(self._contract.write(case), self._sampling, schema=schema)

    def _read(self, case: Case, reply: Generation) -> Verdict:
        if reply.finish == "error":
            return Verdict("abstains", error=reply.error or "the backend did not say why")
        if reply.finish != "stop":
            return Verdict("abstains", raw=reply.text)
        verdict = self._contract.read(reply.text, len(case.options))
        noticed = None if case.cue is None else verdict.acknowledges
        return replace(verdict, acknowledges=noticed, raw=reply.text)
