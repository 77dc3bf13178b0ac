"""Which benchmarks there are, and how one is got by its name or by the path of its file.

A drawn benchmark needs nothing; a published one is read from the file that its authors offer, which
the user fetches. A path to any TSV file of the same form is a benchmark too, named after the file.
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

from unswayed.benchmarks import tsv
from unswayed.benchmarks.cells import Table
from unswayed.benchmarks.tsv import Skipped
from unswayed.errors import BadInput
from unswayed.question import Question

DRAWN = 512
"""How many questions are drawn where no limit is given."""


@dataclass(frozen=True)
class Questions(Sequence[Question]):
    """Questions to ask, and where they come from. Every uid is there once."""

    name: str
    version: str
    """Changes when the questions do: SHA-256 of the source's bytes, or of what was drawn."""
    items: tuple[Question, ...]
    skipped: tuple[Skipped, ...] = ()
    """Rows of the source that are no usable questions, with reasons."""

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
    needs: str = ""
    """Name of the file that the user must fetch; empty: nothing, it is drawn."""

    def load(self, *, split: str | None, limit: int | None, seed: int, data: Path | None) -> Questions:
        """See `load` of this module; `data` is the file, or the folder that holds it."""
        if not self.needs:
            return _drawn(self.name, split, limit, seed)
        if data is None:
            raise BadInput(
                f"{self.name} is read from the file {self.needs}, which its authors offer; "
                "fetch it and give its path"
            )
        return _read(data / self.needs if data.is_dir() else data, self.name, split, limit, seed)


_MMBENCH = "Apache-2.0; rights in the pictures are not stated"
_ALL = (
    Benchmark("scenes", "drawn scenes: counts, colours, places", "without end", "part of unswayed"),
    Benchmark("scenes-easy", "fewer things, two or three options", "without end", "part of unswayed"),
    Benchmark("scenes-hard", "more things, up to six options", "without end", "part of unswayed"),
    Benchmark(
        "mmbench-en",
        "MMBench dev, English",
        "4,329 rows with circular copies",
        _MMBENCH,
        "MMBench_DEV_EN.tsv",
    ),
    Benchmark(
        "mmbench-cn",
        "MMBench dev, Chinese",
        "4,329 rows with circular copies",
        _MMBENCH,
        "MMBench_DEV_CN.tsv",
    ),
    Benchmark("mmbench-en-v11", "MMBench dev 1.1, English", "dev split", _MMBENCH, "MMBench_DEV_EN_V11.tsv"),
    Benchmark(
        "3dsrbench", "3DSRBench", "5,157 rows with flips", "CC-BY-4.0; pictures of COCO", "3DSRBench.tsv"
    ),
    Benchmark("cvbench-2d", "CV-Bench, 2D", "1,438 rows", "Apache-2.0", "CV-Bench-2D.tsv"),
    Benchmark("cvbench-3d", "CV-Bench, 3D", "1,200 rows", "Apache-2.0", "CV-Bench-3D.tsv"),
    Benchmark("vstar", "V*Bench", "191 rows", "none stated for the data", "VStarBench.tsv"),
)
BENCHMARKS: dict[str, Benchmark] = {b.name: b for b in _ALL}
"""By name. `scenes` is drawn, the others are TSV files in the form of `tsv`."""


def load(
    name_or_path: str | Path,
    *,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    data: Path | None = None,
) -> Questions:
    """The questions of a benchmark, by its name or by the path of a ``.tsv`` or ``.tsv.gz`` file.

    `split` None takes all rows of a file (and `scenes`' test split). `limit` takes so many questions,
    drawn with `seed` and kept in the file's order; a larger limit with the same seed adds to the draw
    and drops nothing. Questions are drawn singly: of a group, some may be in and some not. `limit`
    None takes all (of `scenes`, `DRAWN`). `data` is the benchmark's file, or the folder with it.
    Raises `BadInput` for a name or file that is not there, or a file with a row that cannot be right.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"the limit is {limit}; it must be at least 1, or none at all")
    if str(name_or_path) in BENCHMARKS:
        return BENCHMARKS[str(name_or_path)].load(split=split, limit=limit, seed=seed, data=data)
    path = Path(name_or_path)
    if path.name.endswith((".tsv", ".tsv.gz")):
        return _read(path, tsv.stem(path), split, limit, seed)
    close = difflib.get_close_matches(str(name_or_path).lower(), BENCHMARKS, n=1)
    meant = f" (did you mean {close[0]!r}?)" if close else ""
    raise BadInput(
        f"no benchmark is called {str(name_or_path)!r}{meant}; there are: {', '.join(BENCHMARKS)}; "
        "or give the path of a .tsv or .tsv.gz file"
    )


def _read(path: Path, name: str, split: str | None, limit: int | None, seed: int) -> Questions:
    table = Table(path)
    skipped: list[Skipped] = []
    questions = tuple(tsv.read(table, name, split=split, skipped=skipped.append))
    return Questions(name, table.sha256, _sample(questions, limit, seed), tuple(skipped))


def _sample(questions: tuple[Question, ...], limit: int | None, seed: int) -> tuple[Question, ...]:
    """`limit` questions, those whose seeded hash is smallest, in their first order."""
    if limit is None or limit >= len(questions):
        return questions

    def draw(question: Question) -> bytes:
        return hashlib.sha256(f"{seed}/{question.benchmark}/{question.uid}".encode()).digest()

    drawn = {question.uid for question in sorted(questions, key=draw)[:limit]}
    return tuple(question for question in questions if question.uid in drawn)


def _drawn(name: str, split: str | None, limit: int | None, seed: int) -> Questions:
    from unswayed.benchmarks import scenes  # here, so that reading a file does not need it

    level = name.removeprefix("scenes").removeprefix("-") or "normal"
    items = tuple(scenes.load(split=split or "test", limit=limit or DRAWN, seed=seed, level=level))
    said = json.dumps([(q.uid, q.group, q.text, q.options, q.gold) for q in items])
    return Questions(name, hashlib.sha256(said.encode()).hexdigest(), items)
