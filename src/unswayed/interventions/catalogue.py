"""The interventions on the thought: names, what each does, how the answer is obtained; selection by name."""

from __future__ import annotations

import difflib
from dataclasses import dataclass

from unswayed.conditions import Condition
from unswayed.errors import BadInput
from unswayed.interventions.pictures.catalogue import PICTURES
from unswayed.metrics.image_use.names import ROTATED, STRENGTHS
from unswayed.metrics.thought_use import (
    FILLER,
    MISTAKE,
    PARAPHRASED,
    PEER,
    SHARES,
    SHUFFLED,
    TRUNCATED,
    truncated_name,
)

VERSION = "1"
"""Changes whenever the same stored thought and seed get another prefill."""


@dataclass(frozen=True)
class Intervention:
    """One change to a model's own thought."""

    name: str
    summary: str
    prefill: str
    """The assistant turn that is prefilled, with the variable parts in braces; stored in the manifest."""
    generates: bool = False
    """The thought stays open and the model goes on; otherwise it is closed and letters are scored."""
    share: float | None = None
    """Truncation only: the share of the thought's words that is kept."""

    @property
    def condition(self) -> Condition:
        """The condition that stands in the trials table."""
        return Condition(self.name, self.summary, "ours", prefills=True)


def _truncation(share: float) -> Intervention:
    return Intervention(
        truncated_name(share),
        f"the first {share:.0%} of the thought's words, then closed",
        f"{{head}}{{first {share:.0%} of the words}}{{tail}}",
        share=share,
    )


_ALL = (
    *map(_truncation, SHARES),
    Intervention(
        MISTAKE,
        "one statement replaced by a false one, what follows it cut, left open",
        "{head}{thought before the statement}{false statement}",
        generates=True,
    ),
    Intervention(
        PARAPHRASED, "the same content in other words, then closed", "{head}{paraphrased thought}{tail}"
    ),
    Intervention(FILLER, "'...' for every word, then closed", "{head} ... ... ...{tail}"),
    Intervention(
        PEER,
        "the thought of another question of the run, matched in length, then closed",
        "{head}{thought of another question}{tail}",
    ),
    Intervention(SHUFFLED, "its sentences in another order, then closed", "{head}{shuffled thought}{tail}"),
)
INTERVENTIONS: dict[str, Intervention] = {item.name: item for item in _ALL}
"""By name, in the order in which they are asked and stored."""


THOUGHTS_GROUP, PICTURES_GROUP = "thoughts", "pictures"


def select(text: str) -> list[str]:
    """Names from ``a,b``, those of thoughts first, then those of pictures, each in the catalogue's order.

    ``thoughts``, ``pictures`` and ``all`` stand for all of that kind; ``think-truncated``, ``noise``,
    ``blur``, ``low-resolution`` and ``rotated`` for all their strengths. Raises `BadInput` for an unknown
    name.
    """
    known = [*INTERVENTIONS, *PICTURES]
    groups = {"all": known, THOUGHTS_GROUP: list(INTERVENTIONS), PICTURES_GROUP: list(PICTURES)}
    for kind in (TRUNCATED, *STRENGTHS, ROTATED):
        groups[kind] = [name for name in known if name.startswith(f"{kind}@")]
    names: set[str] = set()
    for name in filter(None, (part.strip() for part in text.split(","))):
        if name not in groups and name not in known:
            close = difflib.get_close_matches(name, [*groups, *known], n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise BadInput(f"no intervention {name!r}{hint}; there are: {', '.join([*groups, *known])}")
        names.update(groups.get(name, [name]))
    if not names:
        raise BadInput("name at least one intervention, or 'all'")
    return [name for name in known if name in names]
