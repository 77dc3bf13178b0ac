"""The benchmarks that have a name: synthetic scenes, published data sets, collections of these."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unswayed.benchmarks.catalogue import COLLECTIONS, PUBLISHED
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, Collection, ReadRequest
from unswayed.benchmarks.files.access import Access
from unswayed.benchmarks.files.hub import snapshot
from unswayed.benchmarks.files.local import LocalFiles
from unswayed.benchmarks.files.streaming import HubFiles, open_streamed
from unswayed.benchmarks.mixture import mix
from unswayed.benchmarks.questions import Questions, content_version, sample_questions
from unswayed.benchmarks.records import Skipped, Subset
from unswayed.errors import BadInput

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


def _generate(name: str, split: str | None, limit: int | None, seed: int) -> Questions:
    from unswayed import scenes  # here, so that reading a file does not need it

    level = name.removeprefix("scenes").removeprefix("-") or "normal"
    items = tuple(scenes.load(split=split or "test", limit=limit or DEFAULT_SCENES, seed=seed, level=level))
    return Questions(name, content_version(items), items)
