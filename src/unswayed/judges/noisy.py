"""A planted judge: the rules with errors at known rates, to check what is said of judges' errors.

Addressed as ``planted:wrong=0.1,abstains=0.05,seed=1``. It decides by hashing the case, so neither
order nor resuming changes its verdicts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from unswayed.errors import BadInput
from unswayed.judges.base import Case, Verdict
from unswayed.judges.rules import verdict


class Planted:
    """A `Judge`. Rates are over all thoughts; an error names another option than the rules do."""

    def __init__(self, wrong: float = 0.0, abstains: float = 0.0, seed: float = 0) -> None:
        if min(wrong, abstains) < 0 or not wrong + abstains <= 1:
            raise BadInput("planted: the rates wrong and abstains must be from 0 to 1, and so must their sum")
        self.name = f"planted:wrong={wrong:g},abstains={abstains:g},seed={seed:g}"
        self._wrong, self._abstains, self._seed = wrong, abstains, seed

    async def judge(self, cases: Sequence[Case]) -> list[Verdict]:
        """One verdict a case, in order."""
        return [self._verdict(case) for case in cases]

    def _verdict(self, case: Case) -> Verdict:
        true = verdict(case)
        what = repr((self._seed, case.question.benchmark, case.question.uid, case.options, case.thought))
        digest = hashlib.blake2b(what.encode("utf-8", "replace"), digest_size=12).digest()
        u = int.from_bytes(digest[:6], "big") / 2**48
        if u < self._abstains:
            return Verdict("abstains")
        if u < self._abstains + self._wrong:
            others = [k for k in range(len(case.options)) if k != true.option]
            return Verdict("option", others[digest[6] % len(others)], true.acknowledges)
        return true


def make(spec: str) -> Planted:
    """The judge of a spec. Raises `BadInput` for an unknown key or a value that is no number."""
    given: dict[str, float] = {}
    keys = ("wrong", "abstains", "seed")
    for part in filter(None, spec.removeprefix("planted").removeprefix(":").split(",")):
        key, _, value = part.partition("=")
        if key not in keys:
            raise BadInput(f"{spec}: no setting {key!r}; there are: {', '.join(keys)}")
        try:
            given[key] = float(value)
        except ValueError:
            raise BadInput(f"{spec}: {key} is {value!r}; give a number") from None
    return Planted(**given)
