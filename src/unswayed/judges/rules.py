"""The judge that needs no model: exact where a question's language is known, general elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from unswayed.judges import scenes, text_rules
from unswayed.judges.base import Case, Verdict


class Rules:
    """Reads every thought by rules; deterministic, and never raises for what a thought says."""

    name = "rules-2"
    version = "2"

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order."""
        return [verdict(case) for case in cases]


def verdict(case: Case) -> Verdict:
    """The verdict on one thought. Pure."""
    asked = case.question.meta.get("asked")
    found = (
        scenes.conclude(asked, case.options, case.thought)
        if asked is not None
        else text_rules.conclude(case.thought, case.options)
    )
    noticed = None if case.cue is None else text_rules.acknowledges(case.thought)
    return Verdict(found.found, found.option, noticed)
