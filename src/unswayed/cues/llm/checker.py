"""A language model as second checker of cues: which option does each assert?

The rules in `checks` compare words; a model understands the sentence. A pair of cues of which one is read
as something else than intended is worded again, in another phrasing and finally by the fallback. A pair that
fails even after `ROUNDS` is kept and marked. An unsure or unreadable reply marks a cue and changes nothing.
A budget bounds the requests; cues beyond it have no mark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from unswayed.backends.base import Backend
from unswayed.cues import write
from unswayed.cues.fallback import Use
from unswayed.cues.llm.checker_prompt import CheckerPrompt
from unswayed.cues.llm.requests import Progress, generate_all
from unswayed.errors import BadInput
from unswayed.model_io import Generation
from unswayed.question import Cue, Cues, Question

ROUNDS = 3
"""Largest number of checks of a cue, each time in another wording."""
FAILED = ("other", "nothing", "several")
"""Results of cues that do not assert what they should."""
GROUPS = {
    "caption": ("wrong_caption", "correct_caption"),
    "thought": ("wrong_thought", "correct_thought"),
    "irrelevant": ("irrelevant_caption",),
}
"""Slots whose cues have the same wording, and so are worded again together."""

CheckResults = dict[str, str]
"""By slot of `Cues`: agrees, other, nothing, several, unsure, unreadable."""


@dataclass(frozen=True)
class CheckerUsage:
    """Requests made, and their outcome."""

    requests: int
    failed: int
    """Checks in which a cue was read as something else than it should assert."""
    rewritten: int
    """Cues whose words have changed."""
    marked: int
    """Cues that still fail."""


class CueChecker:
    """Checks cues through a `Backend`, which is not closed."""

    def __init__(
        self, backend: Backend, *, budget: int | None = None, prompt: CheckerPrompt | None = None
    ) -> None:
        """`budget` is the largest number of requests, over all calls."""
        if budget is not None and budget < 0:
            raise BadInput(f"the budget is {budget}; give 0 or more")
        self.backend = backend
        """The model that is asked; closed by whoever opened it."""
        self._prompt = prompt or CheckerPrompt()
        self._budget_left = budget
        self.name = f"llm:{backend.name}"
        self.version = self._prompt.version

    async def check(
        self,
        questions: Sequence[Question],
        written: Sequence[Cues],
        seed: int,
        use: Use = "audit",
        progress: Progress | None = None,
    ) -> tuple[list[Cues], list[CheckResults], CheckerUsage]:
        """The cues, those that failed in another wording, and the check results, question by question.

        Raises `BackendError` where the model cannot be asked at all.
        """
        cues, results = list(written), [CheckResults() for _ in questions]
        refused: list[set[str]] = [set() for _ in questions]
        jobs = [(index, slots) for index in range(len(cues)) for slots in GROUPS.values()]
        requests = failed = 0
        for turn in range(ROUNDS):
            targets = [(i, slot) for i, slots in jobs for slot in slots if getattr(cues[i], slot)]
            targets = targets if self._budget_left is None else targets[: self._budget_left]
            if not targets:
                break
            requests += len(targets)
            if self._budget_left is not None:
                self._budget_left -= len(targets)
            pairs = [(questions[index], getattr(cues[index], slot)) for index, slot in targets]
            for (index, slot), result in zip(targets, await self._check(pairs, progress), strict=True):
                results[index][slot] = result
                failed += result in FAILED
            bad = [(i, slots) for i, slots in jobs if any(results[i].get(s) in FAILED for s in slots)]
            jobs = []
            # Not in the last round, and not without a budget: nobody would check the new wording.
            for index, slots in bad if turn < ROUNDS - 1 and self._budget_left != 0 else ():
                refused[index] |= {getattr(cues[index], slot).phrasing for slot in slots}
                new = write(questions[index], seed, use, frozenset(refused[index]))
                rewritten = {slot: getattr(new, slot) for slot in slots}
                if all(c is not None and c.phrasing not in refused[index] for c in rewritten.values()):
                    cues[index] = replace(cues[index], **rewritten)
                    for slot in slots:
                        results[index].pop(slot, None)
                    jobs.append((index, slots))
        changed = sum(
            getattr(old, slot) != getattr(new, slot)
            for old, new in zip(written, cues, strict=True)
            for slots in GROUPS.values()
            for slot in slots
        )
        marked = sum(result in FAILED for row in results for result in row.values())
        return cues, results, CheckerUsage(requests, failed, changed, marked)

    async def _check(self, pairs: Sequence[tuple[Question, Cue]], progress: Progress | None) -> list[str]:
        """A result for each cue."""
        prompts = [self._prompt.build(question, cue.text) for question, cue in pairs]
        replies = await generate_all(self.backend, prompts, progress, "checking")
        return [self._result(*pair, reply) for pair, reply in zip(pairs, replies, strict=True)]

    def _result(self, question: Question, cue: Cue, reply: Generation) -> str:
        parsed = None
        if reply.finish == "stop":
            parsed = self._prompt.parse(reply.text, len(question.options))
        if parsed is None:
            return "unreadable"
        if parsed == "unsure":
            return "unsure"
        if parsed == ("nothing" if cue.option is None else cue.option):
            return "agrees"
        return parsed if isinstance(parsed, str) else "other"
