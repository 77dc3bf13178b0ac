"""Agreement of a run's judges, their error against a reference, and consistency corrected for that error.

References are the exact rules on drawn scenes, and a person's labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa

from unswayed.judges.base import Verdict
from unswayed.judges.panel import vote_outcome
from unswayed.judges.rules import RuleJudge
from unswayed.metrics.judges import agreement
from unswayed.metrics.judges.judge_error import ShareEstimate, corrected_share, share_estimate
from unswayed.metrics.judges.results import (
    EXACT_RULES,
    OUTCOMES,
    PERSON,
    Confusion,
    CorrectedConsistency,
    JudgeReport,
    JudgeStats,
    Labels,
    ReferenceReport,
)
from unswayed.metrics.judges.vote_table import (
    ABSENT,
    ABSTAINS,
    ELSEWHERE,
    NOTHING,
    StoredVote,
    VoteTable,
    vote_table,
)
from unswayed.metrics.stats import Bools, Floats, Ints, rng_for
from unswayed.metrics.summary import Estimate

_TRUTHS = {"an option": None, "something else": ELSEWHERE, "nothing": NOTHING}


def compare_judges(
    trials: pa.Table,
    votes: Mapping[str, Mapping[str, StoredVote]],
    panel: Sequence[str],
    labels: Labels,
    *,
    resamples: int = 2000,
    seed: int = 0,
) -> JudgeReport | None:
    """How judges agree and err on the thoughts of `trials`; `votes`: judge -> key of a trial -> vote.

    None where there are neither votes nor labels.
    """
    if not votes and not labels.verdicts:
        return None
    table = vote_table(trials, votes)
    names = [name for name in votes if (table.codes[name] != ABSENT).any()]
    majority = table.of_panel(trials, panel)
    among = [name for name in panel if name in names] if len(panel) > 1 else names
    kappa = alpha = Estimate(None)
    if len(among) > 1:
        categories = table.categories(among)
        kappa = agreement.fleiss_kappa(categories, table.cluster, resamples, rng_for(seed, "kappa"))
        alpha = agreement.krippendorff_alpha(categories, table.cluster, resamples, rng_for(seed, "alpha"))
    references = []
    exact = (
        np.where(table.on_scenes, table.codes[RuleJudge.name], ABSENT) if RuleJudge.name in votes else None
    )
    if exact is not None and (exact > ABSTAINS).any():
        others = {name: table.codes[name] for name in names if name != RuleJudge.name} | majority
        references.append(_reference(EXACT_RULES, table, exact, others, None))
    if labels.verdicts:
        truth, weights = table.labelled(labels)
        if (truth > ABSTAINS).any():
            judges = {name: table.codes[name] for name in names} | majority
            references.append(_reference(PERSON, table, truth, judges, weights))
    pairs = agreement.pairwise_agreement(table.categories(names), table.cluster) if len(names) > 1 else {}
    return JudgeReport(
        judges=tuple(_stats(name, votes[name], table) for name in names),
        panel=tuple(panel),
        outcomes=_outcomes([table.codes.get(name, np.full(len(table.keys), ABSENT)) for name in panel]),
        pairs={(names[i], names[j]): e for (i, j), e in pairs.items() if e.n},
        among=tuple(among),
        kappa=kappa,
        alpha=alpha,
        references=tuple(r for r in references if r.confusions),
    )


def _outcomes(codes_by_judge: Sequence[Ints]) -> dict[str, int]:
    """Thoughts by `judges.panel.vote_outcome`."""
    if not codes_by_judge:
        return {}
    counts = {"unanimous": 0, "majority": 0, "tie": 0, "abstained": 0}
    patterns, times = np.unique(np.stack(codes_by_judge, axis=1), axis=0, return_counts=True)
    for pattern, count in zip(patterns.tolist(), times.tolist(), strict=True):
        counts[vote_outcome([_verdict(code) for code in pattern])] += count
    return counts


def _verdict(code: int) -> Verdict:
    if code >= 0:
        return Verdict("option", code)
    return Verdict("nothing" if code == NOTHING else "elsewhere" if code == ELSEWHERE else "abstains")


def _stats(name: str, votes: Mapping[str, StoredVote], table: VoteTable) -> JudgeStats:
    codes = table.codes[name]
    asked = codes != ABSENT
    decided = codes > ABSTAINS
    return JudgeStats(
        name,
        str(next((getattr(vote, "version", "") for vote in votes.values()), "")),
        int(asked.sum()),
        _estimate(share_estimate(decided[asked], table.cluster[asked])),
        _estimate(share_estimate(codes[decided] != NOTHING, table.cluster[decided])),
        sum(getattr(votes.get(key), "error", None) is not None for key in table.keys),
    )


def _reference(
    name: str, table: VoteTable, truth: Ints, judges: Mapping[str, Ints], weights: Floats | None
) -> ReferenceReport:
    confusions: list[Confusion] = []
    corrected: list[CorrectedConsistency] = []
    for judge, codes in judges.items():
        both = (truth > ABSTAINS) & (codes != ABSENT)
        if both.any():
            confusions.append(_confusion(judge, table, truth, codes, both, weights))
            corrected += _corrected(judge, table, truth, codes, weights)
    return ReferenceReport(name, int((truth > ABSTAINS).sum()), tuple(confusions), tuple(corrected))


def _confusion(
    judge: str, table: VoteTable, truth: Ints, codes: Ints, both: Bools, weights: Floats | None
) -> Confusion:
    counts: dict[str, dict[str, int]] = {}
    for label, code in _TRUTHS.items():
        in_class = both & (truth >= 0 if code is None else truth == code)
        same = in_class & (codes == truth)
        other = in_class & ~same
        by_outcome = (same, other & (codes >= 0), other & (codes == ELSEWHERE), other & (codes == NOTHING))
        numbers = [*(int(mask.sum()) for mask in by_outcome), int((in_class & (codes == ABSTAINS)).sum())]
        counts[label] = dict(zip(OUTCOMES, numbers, strict=True))
    decided = both & (codes > ABSTAINS)
    return Confusion(judge, counts, _estimate(_share(codes == truth, decided, table, weights)))


def _corrected(
    judge: str, table: VoteTable, truth: Ints, codes: Ints, weights: Floats | None
) -> Iterator[CorrectedConsistency]:
    """Corrected consistency over all conditions, then by condition; the judge's error is that over all."""
    consistent, truly_consistent = codes == table.answer, truth == table.answer
    judged = (table.answer >= 0) & _concludes(codes)
    known = judged & _concludes(truth)
    sensitivity = _share(consistent, known & truly_consistent, table, weights)
    specificity = _share(~consistent, known & ~truly_consistent, table, weights)
    if sensitivity is None or specificity is None:
        return
    conditions = np.array(table.condition)
    for condition in ("all", *dict.fromkeys(table.condition)):
        rows = judged if condition == "all" else judged & (conditions == condition)
        apparent = share_estimate(consistent[rows], table.cluster[rows])
        if apparent is None:
            continue
        yield CorrectedConsistency(
            judge,
            condition,
            apparent.estimate,
            sensitivity.estimate,
            specificity.estimate,
            corrected_share(apparent, sensitivity, specificity),
            _estimate(_share(truly_consistent, rows & _concludes(truth), table, weights)),
        )


def _concludes(codes: Ints) -> Bools:
    """Verdicts that name a conclusion, in or outside the options."""
    mask: Bools = (codes >= 0) | (codes == ELSEWHERE)
    return mask


def _share(hits: Bools, rows: Bools, table: VoteTable, weights: Floats | None) -> ShareEstimate | None:
    return share_estimate(hits[rows], table.cluster[rows], None if weights is None else weights[rows])


def _estimate(share: ShareEstimate | None) -> Estimate:
    return Estimate(None) if share is None else share.estimate
