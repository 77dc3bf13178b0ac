"""Benchmarks by name, or by the path of a file.

Synthetic scenes need nothing; a published benchmark is read from the hub, or from the files that its authors
offer and the user has. The path of a TSV file in VLMEvalKit's form is a benchmark too, named after the file.
A collection is a name for several benchmarks.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path

from unswayed.benchmarks.files.access import Access
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.mixture import mix
from unswayed.benchmarks.named import BENCHMARKS, DEFAULT_SCENES, Benchmark
from unswayed.benchmarks.questions import Questions, sample_questions
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import Skipped
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
