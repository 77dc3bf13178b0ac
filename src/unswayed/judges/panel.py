"""Several judges, one verdict: what more than half of all of them say.

An abstention is a vote for nothing, and counts among those who could have voted: one judge of three
decides nothing alone. Without a strict majority the panel abstains.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Literal

from unswayed.errors import BadInput
from unswayed.judges.base import Case, Judge, Verdict, version_of

PAPER = ("Qwen/Qwen3-32B", "openai/gpt-oss-120b", "meta-llama/Llama-3.1-70B-Instruct")
"""The judges of the paper (arXiv 2602.12506), by their hub ids."""

PRESETS = {"paper": tuple(f"llm:openai:{model}" for model in PAPER)}
"""Judge specs by name; each is asked at the server whose address is given beside it."""

Outcome = Literal["unanimous", "majority", "tie", "abstained"]


class Panel:
    """Judges who vote. `votes` keeps them apart, `judge` gives the majority's verdicts."""

    def __init__(self, judges: Sequence[Judge]) -> None:
        names = [judge.name for judge in judges]
        if not names:
            raise BadInput("a panel needs at least one judge")
        if len(set(names)) < len(names):
            raise BadInput(f"a judge sits twice on the panel ({', '.join(names)}); name each once")
        self.judges = tuple(judges)
        self.name = f"panel({', '.join(names)})"
        self.version = ", ".join(map(version_of, judges))

    async def votes(self, cases: Sequence[Case]) -> list[tuple[Verdict, ...]]:
        """One verdict a judge, for every case in order."""
        by_judge = await asyncio.gather(*(judge.judge(cases) for judge in self.judges))
        return list(zip(*by_judge, strict=True))

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """The majority's verdict on every case."""
        return [majority(votes) for votes in await self.votes(cases)]


def majority(votes: Sequence[Verdict]) -> Verdict:
    """What more than half of `votes` conclude, and, counted apart, say of a disagreement.

    >>> majority([Verdict("option", 1), Verdict("option", 1), Verdict("abstains")]).option
    1
    >>> majority([Verdict("option", 1), Verdict("abstains"), Verdict("abstains")]).found
    'abstains'
    """
    half = len(votes) / 2
    noticed = Counter(vote.acknowledges for vote in votes)
    said = next((what for what in (True, False) if noticed[what] > half), None)
    for (found, option), count in Counter((vote.found, vote.option) for vote in votes).items():
        if found != "abstains" and count > half:
            return Verdict(found, option, said)
    return Verdict("abstains", None, said)


def outcome(votes: Sequence[Verdict]) -> Outcome:
    """How a vote went.

    `unanimous`: all conclude the same. `majority`: more than half do. `tie`: those who decided differ
    and none has a majority. `abstained`: those who decided are one mind, but too few.
    """
    said = Counter((vote.found, vote.option) for vote in votes if vote.found != "abstains")
    most = max(said.values(), default=0)
    if most == len(votes) and votes:
        return "unanimous"
    if most > len(votes) / 2:
        return "majority"
    return "tie" if len(said) > 1 else "abstained"
