"""A language model as writer of cues, for questions that no template understands.

Each question is asked at most a few times, the second time with what was wrong; every cue passes the
same checks as a template's. A budget bounds the requests. Whatever fails keeps the cues that it had.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from unswayed.backends.base import Backend
from unswayed.cues import write
from unswayed.cues.checks import complaints
from unswayed.cues.coverage import covered
from unswayed.cues.fallback import Use, draw, wrong_option
from unswayed.cues.llm.prompt import Contract
from unswayed.errors import BackendError, BadInput
from unswayed.model_io import Generation, Request, Sampling
from unswayed.question import Cue, CueKind, Cues, Question

MAX_TOKENS = 4096
"""Room for a writer that thinks first; the reply itself is four lines."""
UNREADABLE = "it was not exactly the four lines, each with its own beginning"

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class Spent:
    """What the writing cost, and what came of it."""

    requests: int
    questions: int
    """Questions that were put to the model."""
    written: int
    """Questions whose cues it wrote."""


@dataclass(frozen=True)
class _Job:
    at: int
    question: Question
    pair: tuple[int, int]
    complaint: str = ""


class LLM:
    """Writes cues through a `Backend`, which is not closed."""

    def __init__(
        self,
        backend: Backend,
        *,
        budget: int | None = None,
        attempts: int = 2,
        contract: Contract | None = None,
    ) -> None:
        """`budget` is the largest number of requests, over all calls; `attempts` are per question."""
        if attempts < 1 or (budget is not None and budget < 0):
            raise BadInput(f"attempts is {attempts} and budget {budget}; give at least 1, and 0 or more")
        self.backend = backend
        """Who is asked; closed by whoever opened it."""
        self._contract = contract or Contract()
        self._left = budget
        self._attempts = attempts
        self.name = f"llm:{backend.name}"

    async def cues(
        self, questions: Sequence[Question], seed: int, use: Use = "audit", progress: Progress | None = None
    ) -> tuple[list[Cues], Spent]:
        """Cues in the order of the questions: templates' where they are, the model's, else the plain ones.

        `progress` is called with how many questions the model is done with, and of how many. Raises
        `BackendError` where the model cannot be asked at all.
        """
        found = [write(question, seed, use) for question in questions]
        jobs = [
            _Job(at, question, _order(question, seed))
            for at, question in enumerate(questions)
            if not (covered(found[at], "caption") and covered(found[at], "thought"))
        ]
        asked, put, written = 0, 0, 0
        for _ in range(self._attempts):
            jobs = self._affordable(jobs)
            if not jobs:
                break
            put = put or len(jobs)
            replies = await self._ask(jobs, use, progress)
            asked += len(jobs)
            again = []
            for job, reply in zip(jobs, replies, strict=True):
                read = self._read(job, reply, use)
                if isinstance(read, str):
                    again.append(replace(job, complaint=read))
                    continue
                found[job.at] = _joined(found[job.at], read)
                written += 1
            jobs = again
        return found, Spent(asked, put, written)

    def _affordable(self, jobs: list[_Job]) -> list[_Job]:
        """As many of the jobs as the budget allows; it is charged for them."""
        if self._left is None:
            return jobs
        jobs = jobs[: self._left]
        self._left -= len(jobs)
        return jobs

    async def _ask(self, jobs: Sequence[_Job], use: Use, progress: Progress | None) -> list[Generation]:
        sampling = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, stop=())
        chunk, gate = max(1, self.backend.chunk), asyncio.Semaphore(max(1, self.backend.concurrency))
        done = 0

        async def part(some: Sequence[_Job]) -> list[Generation]:
            nonlocal done
            prompts = [self._contract.write(job.question, job.pair, use, job.complaint) for job in some]
            async with gate:
                replies = await self.backend.generate([Request(prompt, sampling) for prompt in prompts])
            if len(replies) != len(some):
                raise BackendError(f"{self.backend.name} gave {len(replies)} replies to {len(some)} requests")
            done += len(some)
            if progress:
                progress(done, len(jobs), "writing")
            return replies

        parts = [part(jobs[at : at + chunk]) for at in range(0, len(jobs), chunk)]
        return [reply for replies in await asyncio.gather(*parts) for reply in replies]

    def _read(self, job: _Job, reply: Generation, use: Use) -> Cues | str:
        """The cues of a reply, or what is wrong with it, in our own words alone; "" where none came."""
        if reply.finish == "error":
            return ""
        said = self._contract.read(reply.text, use) if reply.finish == "stop" else None
        if said is None:
            return UNREADABLE
        cues: dict[tuple[int, CueKind], Cue] = {}
        kinds: tuple[CueKind, ...] = ("caption", "thought")
        for option, texts in zip(job.pair, said, strict=True):
            for kind, text in zip(kinds, texts, strict=True):
                cue = Cue(kind, option, text, self.name, f"{use}-{kind}/llm-{self._contract.version}")
                if wrong := complaints(cue, job.question):
                    number = job.pair.index(option) + 1
                    return f"of {kind} {number}, {'; '.join(wrong)}"
                cues[option, kind] = cue
        gold = job.question.gold
        wrong_one = next(option for option in job.pair if option != gold)
        return Cues(
            wrong_caption=cues[wrong_one, "caption"],
            wrong_thought=cues[wrong_one, "thought"],
            correct_caption=cues[gold, "caption"],
            correct_thought=cues[gold, "thought"],
        )


def _order(question: Question, seed: int) -> tuple[int, int]:
    """The wrong and the right option in an order that does not tell which is which."""
    wrong = wrong_option(question, seed)
    turned = draw(question, seed, "order of the two") % 2
    return (question.gold, wrong) if turned else (wrong, question.gold)


def _joined(had: Cues, new: Cues) -> Cues:
    """The model's cues where there were only plain ones."""
    caption = had if covered(had, "caption") else new
    thought = had if covered(had, "thought") else new
    return Cues(
        wrong_caption=caption.wrong_caption,
        wrong_thought=thought.wrong_thought,
        correct_caption=caption.correct_caption,
        correct_thought=thought.correct_thought,
        irrelevant_caption=had.irrelevant_caption,
    )
