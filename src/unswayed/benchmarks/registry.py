"""Which benchmarks there are, and how one is got by its name or by the path of its file.

A drawn benchmark needs nothing; a published one is read from the hub, or from the files that its
authors offer and the user has. A path to any TSV file in VLMEvalKit's form is a benchmark too, named
after the file.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import overload

from unswayed.benchmarks.catalogue import PUBLISHED, Published
from unswayed.benchmarks.files.hub import snapshot
from unswayed.benchmarks.files.local import Place
from unswayed.benchmarks.files.streaming import Remote, streamed
from unswayed.benchmarks.files.tsv import Table
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import Asked, Draw, Skipped
from unswayed.errors import BadInput
from unswayed.question import Question

DRAWN = 512
"""How many questions are drawn where no limit is given."""


@dataclass(frozen=True)
class Questions(Sequence[Question]):
    """Questions to ask, and where they come from. Every uid is there once."""

    name: str
    version: str
    """Changes when the questions do: SHA-256 of what all of them say, or of the bytes of a file by path."""
    items: tuple[Question, ...]
    skipped: tuple[Skipped, ...] = ()
    """Rows of the source that are no usable questions, with reasons."""
    there: int = 0
    """Questions that the source has, where all of it was looked at; `items` may be drawn from them."""

    def __post_init__(self) -> None:
        if not self.items:
            why = f"; the first row was left out because {self.skipped[0].reason}" if self.skipped else ""
            raise BadInput(f"{self.name}: no question can be asked{why}")
        uid, count = Counter(question.uid for question in self.items).most_common(1)[0]
        if count > 1:
            raise BadInput(f"{self.name}: {count} questions have the uid {uid!r}; each needs one of its own")

    def __len__(self) -> int:
        return len(self.items)

    @overload
    def __getitem__(self, index: int) -> Question: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Question, ...]: ...
    def __getitem__(self, index: int | slice) -> Question | tuple[Question, ...]:
        return self.items[index]

    def __iter__(self) -> Iterator[Question]:
        return iter(self.items)


@dataclass(frozen=True)
class Benchmark:
    """One benchmark that has a name."""

    name: str
    title: str
    size: str
    licence: str
    home: str = ""
    """Who offers it; empty: it is drawn."""
    needs: str = ""
    """What the user must have where the hub is not asked; empty: nothing, it is drawn."""
    published: Published | None = None
    """How it is read; None: it is drawn."""

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        if self.published is None:
            return "drawn"
        return f"hub {self.published.hub.repo}" if self.published.hub else self.home

    @property
    def streams(self) -> bool:
        """Whether only drawn rows may be read of it, where it lies on the hub."""
        return bool(self.published and self.published.hub and self.published.hub.streams)

    def load(self, *, split: str | None, limit: int | None, seed: int, data: Path | None) -> Questions:
        """See `load` of this module; `data` is the file, or the folder that holds it."""
        if self.published is None:
            return _drawn(self.name, split, limit, seed)
        wanted = split or self.published.split
        if data is None:
            if self.published.hub is None:
                raise BadInput(
                    f"{self.name} is not on the hub: it is read from {self.needs}, which its "
                    f"authors offer at {self.home}; fetch it and give its path with --data"
                )
            if limit is not None and (far := streamed(self.published.hub, wanted)):
                return self._streamed(far, Draw(self.name, limit, seed), wanted, split is not None)
            data = snapshot(self.published.hub, wanted, self.name)
        skipped: list[Skipped] = []
        asked = Asked(self.name, Place(data), wanted, skipped.append, named=split is not None)
        items = tuple(self.published.read(asked))
        return Questions(self.name, _version(items), _sample(items, limit, seed), tuple(skipped), len(items))

    def _streamed(self, far: Remote, draw: Draw, split: str, named: bool) -> Questions:
        """The rows drawn. What the others show is not read, so groups are those within the draw, and the
        version is that of the files."""
        assert self.published is not None
        skipped: list[Skipped] = []
        asked = Asked(self.name, far, split, skipped.append, named, draw)
        return Questions(self.name, far.version, tuple(self.published.read(asked)), tuple(skipped))


_DRAWN = (
    Benchmark("scenes", "drawn scenes: counts, colours, places", "without end", "part of unswayed"),
    Benchmark("scenes-easy", "fewer things, two or three options", "without end", "part of unswayed"),
    Benchmark("scenes-hard", "more things, up to six options", "without end", "part of unswayed"),
)
_READ = (Benchmark(p.name, p.title, p.size, p.licence, p.home, p.needs, p) for p in PUBLISHED)
BENCHMARKS: dict[str, Benchmark] = {b.name: b for b in (*_DRAWN, *_READ)}
"""By name. The first are drawn, the others are read as `catalogue` says."""


def load(
    name_or_path: str | Path,
    *,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    data: Path | None = None,
) -> Questions:
    """The questions of a benchmark, by its name or by the path of a ``.tsv`` or ``.tsv.gz`` file.

    `split` None takes all rows of a file, and of a named benchmark the split that its authors measure on
    (or the only one that is there). `limit` takes so many questions, drawn with `seed` and kept in the
    file's order; a larger limit with the same seed adds to the draw and drops nothing. Questions are
    drawn singly: of a group, some may be in and some not. `limit` None takes all (of `scenes`, `DRAWN`).
    `data` is the benchmark's file, or the folder with it; without it the benchmark is got from the hub;
    of large files there only the rows that `limit` draws are read (see `streams`).
    Raises `BadInput` for a name or file that is not there, or a file with a row that cannot be right;
    `MissingExtra` where the hub is needed and its client is not installed.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"the limit is {limit}; it must be at least 1, or none at all")
    if str(name_or_path) in BENCHMARKS:
        return BENCHMARKS[str(name_or_path)].load(split=split, limit=limit, seed=seed, data=data)
    path = Path(name_or_path)
    if path.name.endswith((".tsv", ".tsv.gz")):
        return _read(path, vlmevalkit.stem(path), split, limit, seed)
    close = difflib.get_close_matches(str(name_or_path).lower(), BENCHMARKS, n=1)
    meant = f" (did you mean {close[0]!r}?)" if close else ""
    raise BadInput(
        f"no benchmark is called {str(name_or_path)!r}{meant}; there are: {', '.join(BENCHMARKS)}; "
        "or give the path of a .tsv or .tsv.gz file"
    )


def part(questions: Questions) -> str | None:
    """A warning, in words, where the source holds fewer rows than the benchmark has; None: not known to.

    Hard rows and other samples go about under a benchmark's name, and no score on them is its score.
    """
    named = BENCHMARKS.get(questions.name)
    whole = named.published.rows if named and named.published else None
    have = questions.there + len(questions.skipped)
    if whole is None or not questions.there or have >= whole:
        return None
    return (
        f"{have:,} of the {whole:,} rows of {questions.name} are here; unless the rest are circular or "
        "flipped copies, a score on these is no result on the benchmark"
    )


def _read(path: Path, name: str, split: str | None, limit: int | None, seed: int) -> Questions:
    table = Table(path)
    skipped: list[Skipped] = []
    questions = tuple(vlmevalkit.read(table, name, split=split, skipped=skipped.append))
    return Questions(name, table.sha256, _sample(questions, limit, seed), tuple(skipped))


def _sample(questions: tuple[Question, ...], limit: int | None, seed: int) -> tuple[Question, ...]:
    """`limit` questions, those whose seeded hash is smallest, in their first order."""
    if limit is None or limit >= len(questions):
        return questions
    rank = Draw(questions[0].benchmark, limit, seed).rank
    drawn = {question.uid for question in sorted(questions, key=lambda q: rank(q.uid))[:limit]}
    return tuple(question for question in questions if question.uid in drawn)


def _drawn(name: str, split: str | None, limit: int | None, seed: int) -> Questions:
    from unswayed import scenes  # here, so that reading a file does not need it

    level = name.removeprefix("scenes").removeprefix("-") or "normal"
    items = tuple(scenes.load(split=split or "test", limit=limit or DRAWN, seed=seed, level=level))
    return Questions(name, _version(items), items)


def _version(items: tuple[Question, ...]) -> str:
    """SHA-256 of what the questions say. Pictures are known by their own hashes, in each trial."""
    said = json.dumps([(q.uid, q.group, q.text, q.options, q.gold) for q in items])
    return hashlib.sha256(said.encode()).hexdigest()
