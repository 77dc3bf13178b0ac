"""How a run's judges agree, how they err, and what that makes of consistency.

Judges are set against better ones where there are: the exact rules on drawn questions, and a person's
labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from unswayed.judges.base import Verdict
from unswayed.judges.panel import outcome
from unswayed.judges.rules import Rules
from unswayed.metrics import columns
from unswayed.metrics.judges import agreement
from unswayed.metrics.judges.judge_error import Share, corrected, share
from unswayed.metrics.judges.results import (
    EXACT,
    OUTCOMES,
    PERSON,
    Confusion,
    Corrected,
    JudgeRow,
    Judging,
    Labels,
    Reference,
)
from unswayed.metrics.stats import (
    Bools,
    Floats,
    Ints,
    rng_for,
)
from unswayed.metrics.summary import Estimate

NOTHING, ABSTAINS, ABSENT = -1, -2, -3
"""Codes of verdicts that name no option; `ABSENT`: the judge was not asked."""


class Said(Protocol):
    """A vote as it is stored."""

    @property
    def found(self) -> str: ...
    @property
    def option(self) -> int | None: ...


@dataclass(frozen=True)
class _Votes:
    """The thoughts of a run, shape (n,), and what each judge said of them."""

    keys: list[str]
    answer: Ints
    cluster: Ints
    condition: list[str]
    drawn: Bools
    said: Mapping[str, Ints]


def measure(
    trials: pa.Table,
    votes: Mapping[str, Mapping[str, Said]],
    panel: Sequence[str],
    labels: Labels,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> Judging | None:
    """How judges agree and err on the thoughts of `trials`; `votes`: judge -> key of a trial -> vote.

    None where there are neither votes nor labels.
    """
    if not votes and not labels.said:
        return None
    v = _votes(trials, votes)
    names = [name for name in votes if (v.said[name] != ABSENT).any()]
    deciding = _deciding(v, trials, panel)
    among = [name for name in panel if name in names] if len(panel) > 1 else names
    kappa = alpha = Estimate(None)
    if len(among) > 1:
        table = _table(v, among)
        kappa = agreement.fleiss_kappa(table, v.cluster, resamples, rng_for(seed, "kappa"))
        alpha = agreement.krippendorff_alpha(table, v.cluster, resamples, rng_for(seed, "alpha"))
    exact = np.where(v.drawn, v.said[Rules.name], ABSENT) if Rules.name in votes else None
    references = []
    if exact is not None and (exact > ABSTAINS).any():
        others = {name: v.said[name] for name in names if name != Rules.name} | deciding
        references.append(_reference(EXACT, v, exact, others, None))
    if labels.said:
        truth, weights = _labelled(v, labels)
        if (truth > ABSTAINS).any():
            references.append(_reference(PERSON, v, truth, {n: v.said[n] for n in names} | deciding, weights))
    pairs = agreement.pairwise(_table(v, names), v.cluster) if len(names) > 1 else {}
    return Judging(
        judges=tuple(_row(name, votes[name], v) for name in names),
        panel=tuple(panel),
        outcomes=_outcomes([v.said.get(name, np.full(len(v.keys), ABSENT)) for name in panel]),
        pairs={(names[i], names[j]): found for (i, j), found in pairs.items() if found.n},
        among=tuple(among),
        kappa=kappa,
        alpha=alpha,
        references=tuple(r for r in references if r.confusions),
    )


def _votes(trials: pa.Table, votes: Mapping[str, Mapping[str, Said]]) -> _Votes:
    c = columns.read(trials)
    rows = np.flatnonzero(c.judged >= 0)

    def taken(name: str) -> list[Any]:
        found: list[Any] = columns.column(trials, name).take(pa.array(rows)).to_pylist()
        return found

    keys = taken("key")
    answer = np.array([-9 if a is None else a for a in taken("answer")], np.int64)
    drawn = np.array([b == "scenes" for b in taken("benchmark")], bool)
    said = {
        name: np.array([_code(by_key.get(key)) for key in keys], np.int64) for name, by_key in votes.items()
    }
    return _Votes(keys, answer, c.cluster[rows], taken("condition"), drawn, said)


def _code(vote: Said | None) -> int:
    if vote is None:
        return ABSENT
    return _said(vote.found, vote.option)


def _said(found: str, option: int | None) -> int:
    if found == "option" and option is not None:
        return option
    return NOTHING if found == "nothing" else ABSTAINS


def _table(v: _Votes, names: Sequence[str]) -> Ints:
    """Votes as categories for `agreement`: options from 1, nothing 0, no vote -1; shape (n, judges)."""
    codes = np.stack([v.said[name] for name in names], axis=1)
    return np.where(codes >= NOTHING, codes + 1, agreement.NO_VOTE)


def _deciding(v: _Votes, trials: pa.Table, panel: Sequence[str]) -> dict[str, Ints]:
    """The panel's majority as it stands in the columns, where it is more than one judge."""
    if len(panel) < 2:
        return {}
    concluded = dict(zip(trials["key"].to_pylist(), trials["concluded"].to_pylist(), strict=True))
    decided = dict(zip(trials["key"].to_pylist(), trials["judged"].to_pylist(), strict=True))
    codes = [
        ABSTAINS if not decided[key] else NOTHING if concluded[key] is None else concluded[key]
        for key in v.keys
    ]
    return {f"majority of {len(panel)}": np.array(codes, np.int64)}


def _outcomes(said: Sequence[Ints]) -> dict[str, int]:
    """As `judges.panel.outcome`, counted over all thoughts."""
    if not said:
        return {}
    found = {"unanimous": 0, "majority": 0, "tie": 0, "abstained": 0}
    patterns, times = np.unique(np.stack(said, axis=1), axis=0, return_counts=True)
    for pattern, count in zip(patterns.tolist(), times.tolist(), strict=True):
        votes = [
            Verdict("option", code) if code >= 0 else Verdict("nothing" if code == NOTHING else "abstains")
            for code in pattern
        ]
        found[outcome(votes)] += count
    return found


def _row(name: str, votes: Mapping[str, Said], v: _Votes) -> JudgeRow:
    codes = v.said[name]
    given = codes != ABSENT
    decided = codes >= NOTHING
    return JudgeRow(
        name,
        str(next((getattr(vote, "version", "") for vote in votes.values()), "")),
        int(given.sum()),
        _estimate(share(decided[given], v.cluster[given])),
        _estimate(share(codes[decided] >= 0, v.cluster[decided])),
        sum(getattr(votes.get(key), "error", None) is not None for key in v.keys),
    )


def _labelled(v: _Votes, labels: Labels) -> tuple[Ints, Floats]:
    """A person's labels as codes, and how many thoughts of the run each stands for."""
    codes = np.array(
        [
            _said(*labels.said[key]) if key in labels.said and key in labels.stratum else ABSENT
            for key in v.keys
        ],
        np.int64,
    )
    strata = [labels.stratum.get(key, "") for key in v.keys]
    count: dict[str, int] = {}
    for stratum, code in zip(strata, codes.tolist(), strict=True):
        count[stratum] = count.get(stratum, 0) + (code > ABSTAINS)
    weights = [labels.sizes.get(s, 1) / count[s] if count[s] else 0.0 for s in strata]
    return codes, np.array(weights, float)


def _reference(
    name: str, v: _Votes, truth: Ints, judges: Mapping[str, Ints], weights: Floats | None
) -> Reference:
    confusions, lines = [], []
    for judge, codes in judges.items():
        both = (truth > ABSTAINS) & (codes != ABSENT)
        if not both.any():
            continue
        confusions.append(_confusion(judge, v, truth, codes, both, weights))
        lines += list(_lines(judge, v, truth, codes, weights))
    return Reference(name, int((truth > ABSTAINS).sum()), tuple(confusions), tuple(lines))


def _confusion(
    judge: str, v: _Votes, truth: Ints, codes: Ints, both: Bools, weights: Floats | None
) -> Confusion:
    counts: dict[str, dict[str, int]] = {}
    for row, of in (("an option", truth >= 0), ("nothing", truth == NOTHING)):
        here = both & of
        same = here & (codes == truth)
        counts[row] = dict(
            zip(
                OUTCOMES,
                (
                    int(same.sum()),
                    int((here & (codes >= 0) & ~same).sum()),
                    int((here & (codes == NOTHING) & ~same).sum()),
                    int((here & (codes == ABSTAINS)).sum()),
                ),
                strict=True,
            )
        )
    decided = both & (codes > ABSTAINS)
    return Confusion(judge, counts, _estimate(_share(codes == truth, decided, v, weights)))


def _lines(judge: str, v: _Votes, truth: Ints, codes: Ints, weights: Floats | None) -> Iterator[Corrected]:
    """Consistency corrected, over all conditions and then for each; the judge's error is that over all."""
    answered = v.answer >= 0
    seen, true = codes == v.answer, truth == v.answer
    calls = answered & (codes >= 0)
    known = calls & (truth >= 0)
    sensitivity = _share(seen, known & true, v, weights)
    specificity = _share(~seen, known & ~true, v, weights)
    if sensitivity is None or specificity is None:
        return
    conditions = np.array(v.condition)
    for condition in ("all", *dict.fromkeys(v.condition)):
        here = calls if condition == "all" else calls & (conditions == condition)
        apparent = share(seen[here], v.cluster[here])
        if apparent is None:
            continue
        yield Corrected(
            judge,
            condition,
            apparent.estimate,
            sensitivity.estimate,
            specificity.estimate,
            corrected(apparent, sensitivity, specificity),
            _estimate(_share(true, here & (truth >= 0), v, weights)),
        )


def _share(hits: Bools, rows: Bools, v: _Votes, weights: Floats | None) -> Share | None:
    return share(hits[rows], v.cluster[rows], None if weights is None else weights[rows])


def _estimate(found: Share | None) -> Estimate:
    return Estimate(None) if found is None else found.estimate
