"""A language model as cue writer, for questions that no template covers.

Each question is asked at most a few times, the second time with the problems of the first reply. Every cue
passes the same checks as a template's. A budget bounds the number of requests. Where the model fails, the
earlier cues are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from unswayed.backends.base import Backend
from unswayed.cues import write
from unswayed.cues.checks import problems
from unswayed.cues.coverage import covered
from unswayed.cues.fallback import Use, seeded_number, wrong_option
from unswayed.cues.llm.prompt import WriterPrompt
from unswayed.cues.llm.requests import Progress, generate_all
from unswayed.errors import BadInput
from unswayed.model_io import Generation
from unswayed.question import Cue, CueKind, Cues, Question

INVALID_REPLY = "it was not exactly the four lines, each with its own beginning"


@dataclass(frozen=True)
class WriterUsage:
    """Requests made, and their outcome."""

    requests: int
    questions: int
    """Questions given to the model."""
    written: int
    """Questions whose cues it wrote."""


@dataclass(frozen=True)
class _Job:
    index: int
    question: Question
    pair: tuple[int, int]
    complaint: str = ""


class LLMCueWriter:
    """Writes cues through a `Backend`, which is not closed."""

    def __init__(
        self,
        backend: Backend,
        *,
        budget: int | None = None,
        attempts: int = 2,
        prompt: WriterPrompt | None = None,
    ) -> None:
        """`budget` is the largest number of requests, over all calls; `attempts` are per question."""
        if attempts < 1 or (budget is not None and budget < 0):
            raise BadInput(f"attempts is {attempts} and budget is {budget}; give at least 1 and at least 0")
        self.backend = backend
        """The model that is asked; closed by whoever opened it."""
        self._prompt = prompt or WriterPrompt()
        self._budget_left = budget
        self._attempts = attempts
        self.name = f"llm:{backend.name}"

    async def cues(
        self, questions: Sequence[Question], seed: int, use: Use = "audit", progress: Progress | None = None
    ) -> tuple[list[Cues], WriterUsage]:
        """Cues in the order of the questions, by templates, else by the model, else by the fallback.

        `progress` is called with the numbers of questions done and in all. Raises `BackendError` where the
        model cannot be asked at all.
        """
        result = [write(question, seed, use) for question in questions]
        jobs = [
            _Job(index, question, _order(question, seed))
            for index, question in enumerate(questions)
            if not (covered(result[index], "caption") and covered(result[index], "thought"))
        ]
        requests, given, written = 0, 0, 0
        for _ in range(self._attempts):
            jobs = self._affordable(jobs)
            if not jobs:
                break
            given = given or len(jobs)
            prompts = [self._prompt.build(job.question, job.pair, use, job.complaint) for job in jobs]
            replies = await generate_all(self.backend, prompts, progress, "writing")
            requests += len(jobs)
            failed = []
            for job, reply in zip(jobs, replies, strict=True):
                cues = self._parse(job, reply, use)
                if isinstance(cues, str):
                    failed.append(replace(job, complaint=cues))
                    continue
                result[job.index] = _merge(result[job.index], cues)
                written += 1
            jobs = failed
        return result, WriterUsage(requests, given, written)

    def _affordable(self, jobs: list[_Job]) -> list[_Job]:
        """As many of the jobs as the budget allows; reduces the budget."""
        if self._budget_left is None:
            return jobs
        jobs = jobs[: self._budget_left]
        self._budget_left -= len(jobs)
        return jobs

    def _parse(self, job: _Job, reply: Generation, use: Use) -> Cues | str:
        """The cues of a reply, or its problem, without words of the reply; "" where there was no reply."""
        if reply.finish == "error":
            return ""
        parsed = self._prompt.parse(reply.text, use) if reply.finish == "stop" else None
        if parsed is None:
            return INVALID_REPLY
        cues: dict[tuple[int, CueKind], Cue] = {}
        kinds: tuple[CueKind, ...] = ("caption", "thought")
        for option, texts in zip(job.pair, parsed, strict=True):
            for kind, text in zip(kinds, texts, strict=True):
                cue = Cue(kind, option, text, self.name, f"{use}-{kind}/llm-{self._prompt.version}")
                if found := problems(cue, job.question):
                    number = job.pair.index(option) + 1
                    return f"of {kind} {number}, {'; '.join(found)}"
                cues[option, kind] = cue
        gold = job.question.gold
        wrong = next(option for option in job.pair if option != gold)
        return Cues(
            wrong_caption=cues[wrong, "caption"],
            wrong_thought=cues[wrong, "thought"],
            correct_caption=cues[gold, "caption"],
            correct_thought=cues[gold, "thought"],
        )


def _order(question: Question, seed: int) -> tuple[int, int]:
    """The wrong and the right option, in an order that does not reveal which is which."""
    wrong = wrong_option(question, seed)
    gold_first = seeded_number(question, seed, "order of the two") % 2
    return (question.gold, wrong) if gold_first else (wrong, question.gold)


def _merge(old: Cues, new: Cues) -> Cues:
    """The model's cues where the old ones were the fallback's."""
    caption = old if covered(old, "caption") else new
    thought = old if covered(old, "thought") else new
    return Cues(
        wrong_caption=caption.wrong_caption,
        wrong_thought=thought.wrong_thought,
        correct_caption=caption.correct_caption,
        correct_thought=thought.correct_thought,
        irrelevant_caption=old.irrelevant_caption,
    )
