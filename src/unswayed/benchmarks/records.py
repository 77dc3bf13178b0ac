"""From rows to questions: what a reader says of one row, and what is checked of all alike.

A reader yields a `Draft` for every row, or tells why the row is none. Here every draft gets its
options checked and its group, and what cannot be asked is left out and listed.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from unswayed.benchmarks.clustering import joined
from unswayed.errors import BadInput
from unswayed.question import MAX_OPTIONS, Image, Question

if TYPE_CHECKING:
    from unswayed.benchmarks.files.local import Place


class LeftOut(Exception):
    """One row is no usable question; the text says why. Raised by readers, never seen by a user."""


@dataclass(frozen=True)
class Skipped:
    """A row that is no usable question though the file as a whole is fine."""

    uid: str
    line: int
    """On which it begins, from 1, the header counted; for files without lines the row, from 1."""
    reason: str
    unit: str = "line"

    def __str__(self) -> str:
        return f"{self.unit} {self.line} (index {self.uid!r}): {self.reason}"


Tell = Callable[[Skipped], object]
"""Is told of every row that is left out."""


@dataclass(frozen=True)
class Draw:
    """So many questions of a benchmark: those whose seeded hash is smallest."""

    benchmark: str
    limit: int
    seed: int

    def rank(self, uid: str) -> bytes:
        """What the questions are ordered by; the same in every process."""
        return hashlib.sha256(f"{self.seed}/{self.benchmark}/{uid}".encode()).digest()


@dataclass(frozen=True)
class Asked:
    """What a reader is asked for."""

    name: str
    """The benchmark's name, as its questions carry it."""
    place: Place
    """Where its files are."""
    split: str
    tell: Tell
    named: bool = False
    """Whether the user named the split; if not, a place with one split only has the right one."""
    draw: Draw | None = None
    """Only these rows are to be read; None: all of them. For readers that pass it on to `each`."""


@dataclass(frozen=True)
class Draft:
    """One row as its reader understands it."""

    uid: str
    text: str
    options: tuple[str, ...]
    gold: int
    images: tuple[Image, ...]
    family: str = "all"
    shares: tuple[Hashable, ...] = ()
    """What makes it one thing with other rows: its pictures, its set, the row that it is a copy of."""
    meta: Mapping[str, Any] = field(default_factory=dict)
    hint: str = ""


def each(
    rows: Iterable[Mapping[str, Any]],
    make: Callable[[int, Mapping[str, Any]], Draft],
    uid: Callable[[int, Mapping[str, Any]], str],
    where: str,
    unit: str = "row",
    draw: Draw | None = None,
) -> Iterator[Draft | Skipped]:
    """`make` of every row (number from 0, row); a row for which it raises `LeftOut` is `Skipped`.

    With `draw` only of the rows drawn, and of as many more as turn out to be no questions: those
    that the draw would take from all. A row without a field that it needs, or with one of another kind,
    raises `BadInput` that names it.
    """

    def made(number: int, row: Mapping[str, Any]) -> Draft | Skipped:
        try:
            return make(number, row)
        except LeftOut as why:
            return Skipped(uid(number, row), number + 1, str(why), unit)
        except KeyError as missing:
            have = ", ".join(str(key)[:40] for key in list(row)[:20])
            raise BadInput(f"{where} {unit} {number + 1}: no field {missing}; it has: {have}") from missing
        except (TypeError, ValueError, AttributeError, IndexError) as problem:
            if isinstance(problem, BadInput):
                raise
            raise BadInput(f"{where} {unit} {number + 1} cannot be understood: {problem}") from problem

    if draw is None:
        yield from (made(number, row) for number, row in enumerate(rows))
        return
    given = list(rows)
    ranked = sorted(range(len(given)), key=lambda number: draw.rank(uid(number, given[number])))
    found: dict[int, Draft | Skipped] = {}
    missing = draw.limit
    while missing and ranked:
        part, ranked = sorted(ranked[:missing]), ranked[missing:]  # in the file's order: it is read forward
        found |= {number: made(number, given[number]) for number in part}
        usable = [one for one in found.values() if isinstance(one, Draft) and not _unfit(one)]
        missing = draw.limit - len(usable)
    yield from (found[number] for number in sorted(found))


def finish(name: str, drafts: Iterable[Draft | Skipped], tell: Tell) -> Iterator[Question]:
    """The questions of benchmark `name`. Rows that share something form a group, named after its first;
    ``meta["shares"]`` says what each row shares."""
    kept: list[Draft] = []
    for number, draft in enumerate(drafts, 1):
        if isinstance(draft, Skipped):
            tell(draft)
        elif reason := _unfit(draft):
            tell(Skipped(draft.uid, int(draft.meta.get("row", number - 1)) + 1, reason, "row"))
        else:
            kept.append(draft)
    for draft, first in zip(kept, joined([draft.shares for draft in kept]), strict=True):
        yield Question(
            uid=draft.uid,
            benchmark=name,
            text=draft.text,
            options=draft.options,
            gold=draft.gold,
            images=draft.images,
            family=draft.family,
            group=kept[first].uid,
            hint=draft.hint,
            meta={**draft.meta, "shares": draft.shares},
        )


def _unfit(draft: Draft) -> str | None:
    if not draft.text.strip():
        return "it has no question"
    if not 2 <= len(draft.options) <= MAX_OPTIONS:
        return f"it has {len(draft.options)} options; 2 to {MAX_OPTIONS} can be asked"
    twice = [text for text, count in Counter(draft.options).items() if count > 1]
    if twice:
        return f"the option {twice[0]!r} stands there twice"
    if not draft.images:
        return "it has no picture"
    return None
