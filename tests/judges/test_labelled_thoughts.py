"""The rules on labelled thoughts: how often their verdict is wrong, and how often they decide at all."""

from __future__ import annotations

from confusion import LABELS, judge_labelled

JUDGED = list(judge_labelled())


def test_the_rules_are_hardly_ever_wrong_where_they_decide() -> None:
    decided = [j for j in JUDGED if j.verdict != "abstains"]
    wrong = [j for j in decided if j.wrong]
    assert len(wrong) <= 0.01 * len(decided), [(j.shape, j.thought) for j in wrong]


def test_the_rules_decide_on_most_thoughts_that_conclude_something() -> None:
    clear = [j for j in JUDGED if j.label != "unclear"]
    assert sum(j.verdict != "abstains" for j in clear) >= 0.9 * len(clear)


def test_the_labelled_thoughts_are_many_and_of_every_label() -> None:
    assert len(JUDGED) >= 300
    assert {j.label for j in JUDGED} == set(LABELS)
    assert len({tuple(j.options) for j in JUDGED}) >= 20
    assert len({j.shape for j in JUDGED}) >= 40
