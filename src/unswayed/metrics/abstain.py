"""Conditions with the option "I'm not sure": how often it is chosen, and on which questions.

All are compared with the same condition without that option, paired by question.
"""

from __future__ import annotations

from unswayed.conditions import ABSTAIN_SUFFIX
from unswayed.metrics.columns import Columns
from unswayed.metrics.stats import Ints, rate, split_difference
from unswayed.metrics.summary import Estimate


def abstain_measures(c: Columns, condition: str, rows: Ints) -> dict[str, Estimate]:
    """Measures of a condition that ends in ``+abstain``, whose trials are `rows`; empty for any other
    condition.

    `abstain_rate`: abstentions among counted trials. `selective_accuracy`: right answers among the counted
    trials that did not abstain. `abstain_when_wrong`: among abstentions, the share of questions that the
    model answers wrongly without the option. `abstain_selectivity`: that share minus the same share among the
    questions on which it did not abstain; 0 for abstentions at random.
    """
    if not condition.endswith(ABSTAIN_SUFFIX):
        return {}
    rows = rows[c.counted[rows]]
    answered = rows[~c.abstained[rows]]
    plain, other = c.pairs(condition.removesuffix(ABSTAIN_SUFFIX), condition)
    wrong, abstained, cluster = ~c.right[plain], c.abstained[other], c.cluster[other]
    measures = {
        "abstain_rate": rate(c.abstained[rows], c.cluster[rows]),
        "selective_accuracy": rate(c.right[answered], c.cluster[answered]),
        "abstain_when_wrong": rate(wrong[abstained], cluster[abstained]),
        "abstain_selectivity": split_difference(wrong, abstained, cluster),
    }
    return {name: e for name, e in measures.items() if e.value is not None}
