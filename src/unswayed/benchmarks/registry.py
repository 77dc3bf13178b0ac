"""Benchmarks by name, or by the path of a file.

Synthetic scenes need nothing; a published benchmark is read from the hub, or from the files that its authors
offer and the user has. The path of a TSV file in VLMEvalKit's form is a benchmark too, named after the file.
A collection is a name for several benchmarks.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unswayed.benchmarks.catalogue import COLLECTIONS, PUBLISHED
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, Collection, ReadRequest
from unswayed.benchmarks.files.access import Access
from unswayed.benchmarks.files.hub import snapshot
from unswayed.benchmarks.files.local import LocalFiles
from unswayed.benchmarks.files.streaming import HubFiles, open_streamed
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.mixture import mix
from unswayed.benchmarks.questions import Questions, content_version, sample_questions
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import Skipped, Subset
from unswayed.errors import BadInput

__all__ = [
    "BENCHMARKS",
    "DEFAULT_SCENES",
    "Benchmark",
    "Questions",
    "is_name",
    "load",
    "load_mixture",
    "partial_warning",
]

DEFAULT_SCENES = 512
"""How many scenes are generated where no limit is given."""


@dataclass(frozen=True)
class Benchmark:
    """One benchmark that has a name."""

    name: str
    title: str
    size: str
    licence: str
    home: str = ""
    """Address of its authors' page; empty: synthetic."""
    needs: str = ""
    """The files that the user must have where it is not read from the hub; empty: none."""
    entry: CatalogueEntry | None = None
    """How it is read; None: it is synthetic or a collection."""
    collection: Collection | None = None
    """Its parts, if it is a collection."""

    @property
    def source(self) -> str:
        """Where it comes from, in words."""
        if self.collection is not None:
            return f"parts: {', '.join(self.collection.weights)}"
        if self.entry is None:
            return "generated"
        return f"hub {self.entry.hub.repo}" if self.entry.hub else self.home

    @property
    def rows(self) -> int | None:
        """How many rows it has in all, where that is known."""
        if self.collection is not None:
            counts = [BENCHMARKS[part].rows for part in self.collection.weights]
            return None if None in counts else sum(count or 0 for count in counts)
        return self.entry.rows if self.entry else None

    @property
    def streams(self) -> bool:
        """Whether only sampled rows may be read of it, where it is read from the hub."""
        return bool(self.entry and self.entry.hub and self.entry.hub.streams)

    def load(
        self, *, split: str | None, limit: int | None, seed: int, data: Path | None, access: Access
    ) -> Questions:
        """See `load` of this module."""
        if self.collection is not None:
            parts = [
                BENCHMARKS[part].load(split=split, limit=limit, seed=seed, data=data, access=access)
                for part in self.collection.weights
            ]
            weights = tuple(self.collection.weights.values())
            return mix(self.name, parts, weights, limit=limit, seed=seed, keep_proportions=False)
        if self.entry is None:
            return _generate(self.name, split, limit, seed)
        wanted = split or self.entry.split
        if data is None:
            if self.entry.hub is None:
                raise BadInput(
                    f"{self.name} is not on the hub: it is read from {self.needs}, which its "
                    f"authors offer at {self.home}; fetch it and give its path with --data"
                )
            if limit is not None and (remote := open_streamed(self.entry.hub, wanted)):
                subset = Subset(self.name, limit, seed)
                return self._load_streamed(self.entry, remote, subset, wanted, split is not None)
            data = snapshot(self.entry.hub, wanted, self.name)
        skipped: list[Skipped] = []
        files = LocalFiles(data, access)
        request = ReadRequest(self.name, files, wanted, skipped.append, split_given=split is not None)
        items = tuple(self.entry.read(request))
        sample = sample_questions(items, limit, seed)
        return Questions(self.name, content_version(items), sample, tuple(skipped), len(items))

    def _load_streamed(
        self, entry: CatalogueEntry, remote: HubFiles, subset: Subset, split: str, split_given: bool
    ) -> Questions:
        """The sampled rows. The images of other rows are not read, so groups are those within the sample, and
        the version is that of the files."""
        skipped: list[Skipped] = []
        request = ReadRequest(self.name, remote, split, skipped.append, split_given, subset)
        return Questions(self.name, remote.version, tuple(entry.read(request)), tuple(skipped))


def _collection(collection: Collection) -> Benchmark:
    entries = {entry.name: entry for entry in PUBLISHED}
    parts = [entries[name] for name in collection.weights]
    return Benchmark(
        name=collection.name,
        title=collection.title,
        size=f"{len(parts)} parts: {', '.join(collection.weights)}",
        licence=parts[0].licence,
        home=parts[0].home,
        needs=", ".join(dict.fromkeys(part.needs for part in parts)),
        collection=collection,
    )


_SYNTHETIC = (
    Benchmark("scenes", "synthetic scenes: counts, colours, places", "unlimited", "part of unswayed"),
    Benchmark("scenes-easy", "fewer objects, two or three options", "unlimited", "part of unswayed"),
    Benchmark("scenes-hard", "more objects, up to six options", "unlimited", "part of unswayed"),
)
_PUBLISHED = (
    Benchmark(entry.name, entry.title, entry.size, entry.licence, entry.home, entry.needs, entry)
    for entry in PUBLISHED
)
BENCHMARKS: dict[str, Benchmark] = {
    benchmark.name: benchmark
    for benchmark in (*_SYNTHETIC, *_PUBLISHED, *(_collection(c) for c in COLLECTIONS))
}
"""By name: synthetic ones, published ones, collections."""


def load(
    name_or_path: str | Path,
    *,
    split: str | None = None,
    limit: int | None = None,
    seed: int = 0,
    data: str | Path | None = None,
    allow_private_urls: bool = False,
    follow_links: bool = False,
) -> Questions:
    """The questions of a benchmark, by its name or by the path of a ``.tsv`` or ``.tsv.gz`` file.

    A name such as ``sat=0.5+geometry3k=0.5`` is a mixture (see `load_mixture`).

    `split` None takes all rows of a file, and of a named benchmark the split that its authors report (or the
    only one that is there). `limit` takes a sample of that size, drawn with `seed`, in the file's order; a
    larger limit with the same seed adds questions and drops none. Questions are sampled one by one: of a
    group, some may be in the sample and some not. `limit` None takes all (of `scenes`, `DEFAULT_SCENES`).
    `data` is the benchmark's file, or the folder with it; without it the benchmark is read from the hub; of
    large files there only the rows of the sample are read (see `Benchmark.streams`). `allow_private_urls`
    lets images be fetched from private and local addresses, `follow_links` lets symbolic links lead out of
    the folder.

    Raises `BadInput` for an unknown name or file, or a file that is wrong as a whole; `MissingExtra` where
    the hub is needed and its client is not installed.
    """
    if limit is not None and limit < 1:
        raise BadInput(f"the limit is {limit}; it must be at least 1, or none at all")
    access = Access(private_urls=allow_private_urls, outside_links=follow_links)
    if str(name_or_path) in BENCHMARKS:
        folder = None if data is None else Path(data).expanduser()
        return BENCHMARKS[str(name_or_path)].load(
            split=split, limit=limit, seed=seed, data=folder, access=access
        )
    if shares := _parse_shares(str(name_or_path)):
        return load_mixture(
            shares,
            split=split,
            limit=limit,
            seed=seed,
            data=data,
            allow_private_urls=allow_private_urls,
            follow_links=follow_links,
        )
    path = Path(name_or_path).expanduser()
    if path.name.endswith((".tsv", ".tsv.gz")):
        return _load_tsv(path, split, limit, seed, access)
    close = difflib.get_close_matches(str(name_or_path).lower(), BENCHMARKS, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise BadInput(
        f"no benchmark is called {str(name_or_path)!r}{hint}; there are: {', '.join(BENCHMARKS)}; "
        "or give the path of a .tsv or .tsv.gz file"
    )


def load_mixture(
    shares: Mapping[str, float],
    *,
    split: str | Mapping[str, str] | None = None,
    limit: int | None = None,
    seed: int = 0,
    data: str | Path | Mapping[str, str | Path] | None = None,
    allow_private_urls: bool = False,
    follow_links: bool = False,
) -> Questions:
    """Several benchmarks as one source: names (or TSV paths) with shares, which need not sum to 1.

    `limit` is the total; None: as many questions as the shares permit without repeating one (then synthetic
    scenes count with `DEFAULT_SCENES`). `split` and `data` are for all, or by name. See `mixture.mix` for
    order and uids, `load` for the rest. The result's name is ``NAME=SHARE+NAME=SHARE``.
    """
    if not shares:
        raise BadInput("a mixture of benchmarks needs at least one name with its share")

    for kind, values in (("split", split), ("data", data)):
        if isinstance(values, Mapping) and (unknown := sorted(set(values) - set(shares))):
            raise BadInput(f"{kind} is given for {unknown[0]!r}, which is not in the mixture")
    parts = [
        load(
            name,
            split=split.get(name) if isinstance(split, Mapping) else split,
            limit=limit,
            seed=seed,
            data=data.get(name) if isinstance(data, Mapping) else data,
            allow_private_urls=allow_private_urls,
            follow_links=follow_links,
        )
        for name in shares
    ]
    title = "+".join(f"{name}={share:g}" for name, share in shares.items())
    return mix(title, parts, tuple(shares.values()), limit=limit, seed=seed)


def is_name(name: str) -> bool:
    """Whether `load` takes it as the name of a benchmark or mixture, and not as a path."""
    return name in BENCHMARKS or _parse_shares(name) is not None


def _parse_shares(name: str) -> dict[str, float] | None:
    """The shares in ``NAME=SHARE+NAME=SHARE``; None for any other name. Raises `BadInput` for a bad one of
    these."""
    parts = [part.rpartition("=") for part in name.split("+")]
    if not all(benchmark in BENCHMARKS for benchmark, _, _ in parts):
        return None
    shares: dict[str, float] = {}
    for benchmark, _, share in parts:
        try:
            shares[benchmark] = float(share)
        except ValueError:
            raise BadInput(f"{name}: the share of {benchmark} is {share!r}; give a number") from None
    if len(shares) < len(parts):
        raise BadInput(f"{name}: a benchmark is named twice")
    return shares


def partial_warning(questions: Questions) -> str | None:
    """A warning where the source holds fewer rows than the benchmark has; None: it does not, or is unknown.

    Hard rows and other samples circulate under a benchmark's name; a score on them is not the benchmark's
    score.
    """
    benchmark = BENCHMARKS.get(questions.name)
    rows = benchmark.rows if benchmark else None
    present = questions.total + len(questions.skipped)
    if rows is None or not questions.total or present >= rows:
        return None
    return (
        f"{present:,} of the {rows:,} rows of {questions.name} are here; unless the rest are circular or "
        "flipped copies, a score on these is no result on the benchmark"
    )


def _load_tsv(path: Path, split: str | None, limit: int | None, seed: int, access: Access) -> Questions:
    table = TsvTable(path)
    skipped: list[Skipped] = []
    name = vlmevalkit.stem(path)
    items = tuple(vlmevalkit.read(table, name, split=split, on_skipped=skipped.append, access=access))
    return Questions(name, table.sha256, sample_questions(items, limit, seed), tuple(skipped))


def _generate(name: str, split: str | None, limit: int | None, seed: int) -> Questions:
    from unswayed import scenes  # here, so that reading a file does not need it

    level = name.removeprefix("scenes").removeprefix("-") or "normal"
    items = tuple(scenes.load(split=split or "test", limit=limit or DEFAULT_SCENES, seed=seed, level=level))
    return Questions(name, content_version(items), items)
