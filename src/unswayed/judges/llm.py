"""A language model as judge. It reads question, options and thought as text; it never sees the answer.

Temperature 0. If the backend supports constrained decoding, the reply is constrained to the prompt's JSON
schema; it is parsed the same way in either case. A reply that is not a verdict, was cut off, refused or
failed counts as an abstention.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unswayed.backends.base import Backend, optional_parts
from unswayed.errors import BackendError
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.judges.llm_prompt import JudgePrompt
from unswayed.model_io import Generation, Request, Sampling

MAX_TOKENS = 4096
"""Enough for a judge that reasons before it replies; the reply itself is one line."""


class LLMJudge(Judge):
    """Judges with a `Backend`. Takes any number of cases; does not close the backend."""

    def __init__(self, backend: Backend, prompt: JudgePrompt | None = None) -> None:
        self._backend = backend
        self._prompt = prompt or JudgePrompt()
        self._sampling = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, stop=())
        self.name = f"llm:{backend.name}"
        constrained = "+schema" if optional_parts(backend).constrains else ""
        self.version = "/".join(filter(None, (self._prompt.version + constrained, backend.revision)))
        self.chunk, self.concurrency = backend.chunk, backend.concurrency

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict per case, in order. Raises `BackendError` only if the model cannot be asked at all."""
        verdicts: list[Verdict] = []
        for start in range(0, len(cases), self._backend.chunk):
            part = cases[start : start + self._backend.chunk]
            requests = [self._request(case) for case in part]
            replies = await self._backend.generate(requests)
            if len(replies) != len(part):
                raise BackendError(
                    f"{self._backend.name} gave {len(replies)} replies for {len(part)} thoughts"
                )
            verdicts += [self._parse(case, reply) for case, reply in zip(part, replies, strict=True)]
        return verdicts

    def _request(self, case: Case) -> Request:
        schema = self._prompt.schema(len(case.options))
        return Request(self._prompt.write(case), self._sampling, schema=schema)

    def _parse(self, case: Case, reply: Generation) -> Verdict:
        if reply.finish == "error":
            return Verdict("abstains", error=reply.error or "the backend did not say why")
        if reply.finish != "stop":
            return Verdict("abstains", raw=reply.text)
        verdict = self._prompt.parse(reply.text, len(case.options))
        return replace(
            verdict, acknowledges=None if case.cue is None else verdict.acknowledges, raw=reply.text
        )
