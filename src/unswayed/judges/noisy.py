"""The rule judge with errors at known rates, for testing the statistics on judge error.

Spec: ``planted:wrong=0.1,abstains=0.05,seed=1``. The errors depend on a hash of the case, so neither the
order of the cases nor a resumed run changes a verdict.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from unswayed.errors import BadInput
from unswayed.judges.base import Case, Judge, Verdict
from unswayed.judges.rules import judge_by_rules

_SETTINGS = ("wrong", "abstains", "seed")


class NoisyJudge(Judge):
    """`wrong` and `abstains` are rates over all thoughts. A wrong verdict names another option than the
    rules."""

    def __init__(self, wrong: float = 0.0, abstains: float = 0.0, seed: float = 0) -> None:
        """Raises `BadInput` for rates outside 0 to 1, or with a sum above 1."""
        if min(wrong, abstains) < 0 or not wrong + abstains <= 1:
            raise BadInput("planted: the rates wrong and abstains must be from 0 to 1, and so must their sum")
        self.name = f"planted:wrong={wrong:g},abstains={abstains:g},seed={seed:g}"
        self._wrong, self._abstains, self._seed = wrong, abstains, seed

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict per case, in order."""
        return [self._verdict(case) for case in cases]

    def _verdict(self, case: Case) -> Verdict:
        correct = judge_by_rules(case)
        content = repr((self._seed, case.question.benchmark, case.question.uid, case.options, case.thought))
        digest = hashlib.blake2b(content.encode("utf-8", "replace"), digest_size=12).digest()
        u = int.from_bytes(digest[:6], "big") / 2**48
        if u < self._abstains:
            return Verdict("abstains")
        if u < self._abstains + self._wrong:
            others = [k for k in range(len(case.options)) if k != correct.option]
            return Verdict("option", others[digest[6] % len(others)], correct.acknowledges)
        return correct


def from_spec(spec: str) -> NoisyJudge:
    """The judge of a spec. Raises `BadInput` for an unknown setting or a value that is not a number."""
    settings: dict[str, float] = {}
    for part in filter(None, spec.removeprefix("planted").removeprefix(":").split(",")):
        key, _, value = part.partition("=")
        if key not in _SETTINGS:
            raise BadInput(f"{spec}: no setting {key!r}; there are: {', '.join(_SETTINGS)}")
        try:
            settings[key] = float(value)
        except ValueError:
            raise BadInput(f"{spec}: {key} is {value!r}; give a number") from None
    return NoisyJudge(**settings)
