"""The judge that needs no model: exact for synthetic scenes, general English rules for any other question."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from unswayed.judges import scenes, text_rules
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.judges.disagreement import acknowledges
from unswayed.scenes import SceneTruth


class RuleJudge(Judge):
    """Deterministic. The name carries the version, so verdicts of two versions are never mixed."""

    name = "rules-3"
    version = "3"

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict per case, in order."""
        return [judge_by_rules(case) for case in cases]


def judge_by_rules(case: Case) -> Verdict:
    """The verdict on one thought. Pure."""
    truth = case.question.scene
    verdict = (
        scenes.conclude(truth.question, case.options, case.thought)
        if isinstance(truth, SceneTruth)
        else text_rules.conclude(case.thought, case.options)
    )
    return replace(verdict, acknowledges=None if case.cue is None else acknowledges(case.thought))
