"""A language model as second reader of cues: which option does each assert?

The rules in `checks` go by words; a model reads the sentence. A pair of cues of which one is read as
something else than it should say is worded anew, in another phrasing, then plainly; what is left after
`ROUNDS` is kept and marked. An unsure or unreadable reply marks a cue and changes nothing. A budget bounds
the requests; what it does not reach has no mark.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from unswayed.backends.base import Backend
from unswayed.cues import write
from unswayed.cues.fallback import Use
from unswayed.cues.llm.checker_prompt import CheckContract
from unswayed.errors import BackendError, BadInput
from unswayed.model_io import Generation, Request, Sampling
from unswayed.question import Cue, Cues, Question

MAX_TOKENS = 4096
"""Room for a reader that thinks first; the reply itself is one line."""
ROUNDS = 3
"""How often a cue is read at most, each time in other words."""
FAILS = ("other", "nothing", "several")
"""Marks that say that a cue does not assert what it should."""
SLOTS = {
    "caption": ("wrong_caption", "correct_caption"),
    "thought": ("wrong_thought", "correct_thought"),
    "irrelevant": ("irrelevant_caption",),
}
"""Cues that are worded alike, and so are worded anew together."""

Marks = dict[str, str]
"""By slot of `Cues`: agrees, other, nothing, several, unsure, unreadable."""
Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True)
class Spent:
    """What the reading cost, and what came of it."""

    requests: int
    failed: int
    """Times that a cue was read as something else than it should say."""
    rewritten: int
    """Cues whose words are other ones now."""
    marked: int
    """Cues that still fail."""


class Checker:
    """Reads cues through a `Backend`, which is not closed."""

    def __init__(
        self, backend: Backend, *, budget: int | None = None, contract: CheckContract | None = None
    ) -> None:
        """`budget` is the largest number of requests, over all calls."""
        if budget is not None and budget < 0:
            raise BadInput(f"the budget is {budget}; give 0 or more")
        self.backend = backend
        """Who is asked; closed by whoever opened it."""
        self._contract = contract or CheckContract()
        self._left = budget
        self.name = f"llm:{backend.name}"
        self.version = self._contract.version

    async def mend(
        self,
        questions: Sequence[Question],
        written: Sequence[Cues],
        seed: int,
        use: Use = "audit",
        progress: Progress | None = None,
    ) -> tuple[list[Cues], list[Marks], Spent]:
        """The cues, with those that fail in other words, and what was read in each, question by question.

        Raises `BackendError` where the model cannot be asked at all.
        """
        found, marks = list(written), [Marks() for _ in questions]
        refused: list[set[str]] = [set() for _ in questions]
        jobs = [(at, slots) for at in range(len(found)) for slots in SLOTS.values()]
        asked = failed = 0
        for turn in range(ROUNDS):
            cues = [(at, slot) for at, slots in jobs for slot in slots if getattr(found[at], slot)]
            cues = cues if self._left is None else cues[: self._left]
            if not cues:
                break
            asked += len(cues)
            self._left = None if self._left is None else self._left - len(cues)
            texts = [(questions[at], getattr(found[at], slot)) for at, slot in cues]
            for (at, slot), mark in zip(cues, await self._read(texts, progress), strict=True):
                marks[at][slot] = mark
                failed += mark in FAILS
            bad = [(at, slots) for at, slots in jobs if any(marks[at].get(s) in FAILS for s in slots)]
            jobs = []
            # Not in the last round, and not without a budget: nobody would read the new words.
            for at, slots in bad if turn < ROUNDS - 1 and self._left != 0 else ():
                refused[at] |= {getattr(found[at], slot).phrasing for slot in slots}
                new = write(questions[at], seed, use, frozenset(refused[at]))
                fresh = {slot: getattr(new, slot) for slot in slots}
                if all(cue is not None and cue.phrasing not in refused[at] for cue in fresh.values()):
                    found[at] = replace(found[at], **fresh)
                    marks[at] = {slot: mark for slot, mark in marks[at].items() if slot not in slots}
                    jobs.append((at, slots))
        changed = sum(
            getattr(old, slot) != getattr(new, slot)
            for old, new in zip(written, found, strict=True)
            for slots in SLOTS.values()
            for slot in slots
        )
        left = sum(mark in FAILS for row in marks for mark in row.values())
        return found, marks, Spent(asked, failed, changed, left)

    async def _read(self, cues: Sequence[tuple[Question, Cue]], progress: Progress | None) -> list[str]:
        """A mark for each cue."""
        sampling = Sampling(temperature=0.0, max_tokens=MAX_TOKENS, stop=())
        chunk, gate = max(1, self.backend.chunk), asyncio.Semaphore(max(1, self.backend.concurrency))
        done = 0

        async def part(some: Sequence[tuple[Question, Cue]]) -> list[Generation]:
            nonlocal done
            requests = [Request(self._contract.write(q, cue.text), sampling) for q, cue in some]
            async with gate:
                replies = await self.backend.generate(requests)
            if len(replies) != len(some):
                raise BackendError(f"{self.backend.name} gave {len(replies)} replies to {len(some)} requests")
            done += len(some)
            if progress:
                progress(done, len(cues), "checking")
            return replies

        parts = [part(cues[at : at + chunk]) for at in range(0, len(cues), chunk)]
        replies = [reply for some in await asyncio.gather(*parts) for reply in some]
        return [self._mark(*both, reply) for both, reply in zip(cues, replies, strict=True)]

    def _mark(self, question: Question, cue: Cue, reply: Generation) -> str:
        said = self._contract.read(reply.text, len(question.options)) if reply.finish == "stop" else None
        if said is None:
            return "unreadable"
        if said == "unsure":
            return "unsure"
        if said == ("nothing" if cue.option is None else cue.option):
            return "agrees"
        return said if isinstance(said, str) else "other"
