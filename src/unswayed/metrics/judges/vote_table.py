"""Verdicts of all judges on the thoughts of a run as integer codes, one array per judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from unswayed.metrics.columns import read_columns
from unswayed.metrics.judges import agreement
from unswayed.metrics.judges.results import Labels
from unswayed.metrics.stats import Bools, Floats, Ints
from unswayed.metrics.table_columns import column
from unswayed.question import SCENES

NOTHING, ELSEWHERE, ABSTAINS, ABSENT = -1, -2, -3, -4
"""Codes of verdicts without an option: concludes nothing; concludes what no option says; the judge abstained;
the judge was not asked. Codes above `ABSTAINS` are decided."""
NO_ANSWER = -9


class StoredVote(Protocol):
    """A vote as it is stored."""

    @property
    def found(self) -> str: ...
    @property
    def option(self) -> int | None: ...


@dataclass(frozen=True)
class VoteTable:
    """The thoughts of a run, shape (n,), with each judge's verdict codes."""

    keys: list[str]
    answer: Ints
    """The option answered; `NO_ANSWER` without one."""
    cluster: Ints
    condition: list[str]
    on_scenes: Bools
    """The question is a drawn scene, for which the rules are exact."""
    codes: Mapping[str, Ints]
    """By judge."""

    def categories(self, names: Sequence[str]) -> Ints:
        """Verdicts as categories for `agreement`, shape (n, judges): 0 or more where decided, else
        `NO_VOTE`."""
        codes = np.stack([self.codes[name] for name in names], axis=1)
        return np.where(codes > ABSTAINS, codes - ELSEWHERE, agreement.NO_VOTE)

    def of_panel(self, trials: pa.Table, panel: Sequence[str]) -> dict[str, Ints]:
        """The panel's majority as it stands in the trials; empty for a panel of fewer than two judges."""
        if len(panel) < 2:
            return {}
        c = read_columns(trials)
        option = np.asarray(column(trials, "concluded").fill_null(NOTHING).to_numpy()).astype(np.int64)
        code = np.where(c.judged != 1, ABSTAINS, np.where(c.elsewhere, ELSEWHERE, option))
        by_key = dict(zip(trials["key"].to_pylist(), code.tolist(), strict=True))
        return {f"majority of {len(panel)}": np.array([by_key[key] for key in self.keys], np.int64)}

    def labelled(self, labels: Labels) -> tuple[Ints, Floats]:
        """A person's labels as codes, and how many thoughts of the run each label stands for."""
        known = [key in labels.verdicts and key in labels.stratum for key in self.keys]
        codes = np.array(
            [
                verdict_code(*labels.verdicts[key]) if k else ABSENT
                for key, k in zip(self.keys, known, strict=True)
            ],
            np.int64,
        )
        strata = [labels.stratum.get(key, "") for key in self.keys]
        count: dict[str, int] = {}
        for stratum, code in zip(strata, codes.tolist(), strict=True):
            count[stratum] = count.get(stratum, 0) + (code > ABSTAINS)
        weights = [labels.sizes.get(s, 1) / count[s] if count[s] else 0.0 for s in strata]
        return codes, np.array(weights, float)


def vote_table(trials: pa.Table, votes: Mapping[str, Mapping[str, StoredVote]]) -> VoteTable:
    """The thoughts of `trials` that have a judge's columns; `votes`: judge -> key of a trial -> vote."""
    c = read_columns(trials)
    rows = np.flatnonzero(c.judged >= 0)

    def values(name: str) -> list[Any]:
        taken: list[Any] = column(trials, name).take(pa.array(rows)).to_pylist()
        return taken

    keys = values("key")
    answer = np.array([NO_ANSWER if a is None else a for a in values("answer")], np.int64)
    on_scenes = np.array([b == SCENES for b in values("benchmark")], bool)
    codes = {
        name: np.array([_vote_code(by_key.get(key)) for key in keys], np.int64)
        for name, by_key in votes.items()
    }
    return VoteTable(keys, answer, c.cluster[rows], values("condition"), on_scenes, codes)


def verdict_code(kind: str, option: int | None) -> int:
    """The code of a verdict of `kind` (option, elsewhere, nothing; anything else abstains)."""
    if kind == "option" and option is not None:
        return option
    return {"nothing": NOTHING, "elsewhere": ELSEWHERE}.get(kind, ABSTAINS)


def _vote_code(vote: StoredVote | None) -> int:
    return ABSENT if vote is None else verdict_code(vote.found, vote.option)
