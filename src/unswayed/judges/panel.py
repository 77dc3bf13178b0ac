"""The majority verdict of several judges.

An abstention is a vote for no verdict, and it counts in the total: one judge of three decides nothing alone.
Without a strict majority of all votes the panel abstains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from unswayed.judges.base import Verdict

PAPER_JUDGES = ("Qwen/Qwen3-32B", "openai/gpt-oss-120b", "meta-llama/Llama-3.1-70B-Instruct")
"""The judges of the paper (arXiv 2602.12506), by hub id."""

PANEL_PRESETS = {"paper": tuple(f"llm:openai:{model}" for model in PAPER_JUDGES)}
"""Judge specs by preset name."""

VoteOutcome = Literal["unanimous", "majority", "tie", "abstained"]


def majority(votes: Sequence[Verdict]) -> Verdict:
    """The verdict of more than half of `votes`; `acknowledges` is put to the vote separately.

    All votes `elsewhere` are votes for one verdict, whatever their words; its words are the commonest of
    them.

    >>> majority([Verdict("option", 1), Verdict("option", 1), Verdict("abstains")]).option
    1
    >>> majority([Verdict("option", 1), Verdict("abstains"), Verdict("abstains")]).kind
    'abstains'
    """
    half = len(votes) / 2
    acknowledged = Counter(vote.acknowledges for vote in votes)
    acknowledges = next((value for value in (True, False) if acknowledged[value] > half), None)
    for (kind, option), count in Counter((vote.kind, vote.option) for vote in votes).items():
        if kind != "abstains" and count > half:
            words = Counter(vote.words for vote in votes if vote.kind == "elsewhere" and vote.words)
            common = words.most_common(1)[0][0] if words and kind == "elsewhere" else None
            return Verdict(kind, option, acknowledges, common)
    return Verdict("abstains", None, acknowledges)


def vote_outcome(votes: Sequence[Verdict]) -> VoteOutcome:
    """How a vote ended.

    `unanimous`: all votes are equal. `majority`: more than half are. `tie`: the judges that decided differ,
    and no verdict has a majority. `abstained`: the judges that decided agree, but they are too few.
    """
    decided = Counter((vote.kind, vote.option) for vote in votes if vote.kind != "abstains")
    most = max(decided.values(), default=0)
    if most == len(votes) and votes:
        return "unanimous"
    if most > len(votes) / 2:
        return "majority"
    return "tie" if len(decided) > 1 else "abstained"
