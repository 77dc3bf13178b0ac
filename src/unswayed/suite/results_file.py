"""Reads and writes the results file of a suite, ``results.json``.

Reading checks types, ranges, sizes and references, because the file may be somebody else's.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput, MissingExtra
from unswayed.metrics.summary import Estimate
from unswayed.store.atomic_files import write_atomic
from unswayed.suite.results import SCHEMA, VERSION, Results, all_measures

FILE = "results.json"
MAX_BYTES = 64 << 20
MAX_TEXT = 2000
"""Characters of any string in a results file."""


def write_results(results: Results, path: Path) -> None:
    """Write a results file."""
    content = json.dumps(dataclasses.asdict(results), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomic(path, (content + "\n").encode("utf-8", "backslashreplace"))


def read_results(path: Path) -> Results:
    """The results in a file, or in the folder of a suite. Raises `BadInput` where it is not a valid one."""
    file = path / FILE if path.is_dir() else path
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadInput(f"{file}: larger than {MAX_BYTES >> 20} MiB; a results file is much smaller")
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(
            f"{file}: cannot be read ({error.strerror}); give a suite's folder with a report, or its {FILE}"
        ) from error
    return parse_results(data, str(file))


def parse_results(data: bytes, source: str) -> Results:
    """The results in the bytes of a file. Raises `BadInput` that names `source` and what is wrong."""
    try:
        import msgspec
    except ImportError as error:
        raise MissingExtra("results are checked with msgspec: pip install msgspec") from error
    remedy = "write it again with `unswayed report SUITE`"
    try:
        head = msgspec.json.decode(data, type=dict[str, Any])
        if head.get("schema") != SCHEMA:
            raise BadInput(f"{source}: not a results file (its schema is not {SCHEMA!r}); {remedy}")
        if head.get("version") != VERSION:
            raise BadInput(
                f"{source}: schema version {str(head.get('version'))[:20]!r}, this version of unswayed "
                f"reads {VERSION}; {remedy}"
            )
        results = msgspec.convert(head, Results)
    except BadInput:
        raise
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadInput(f"{source}: not a valid results file ({str(error)[:300]}); {remedy}") from error
    if problem := _problem(results):
        raise BadInput(f"{source}: not a valid results file ({problem}); {remedy}")
    return results


def _problem(results: Results) -> str:
    """What contradicts itself or the limits; empty: nothing."""
    models, benchmarks = {m.name for m in results.models}, {b.name for b in results.benchmarks}
    if not models or len(models) < len(results.models) or len(benchmarks) < len(results.benchmarks):
        return "models and benchmarks need names, each its own"
    for cell in results.cells:
        if cell.model not in models or cell.benchmark not in benchmarks:
            return f"a cell names model {cell.model[:80]!r} on {cell.benchmark[:80]!r}, which are not listed"
        if cell.asked < 0 or any(count < 0 for count in cell.states.values()):
            return f"a count of {cell.model[:80]!r} is negative"
    for mean in results.means:
        if mean.model not in models:
            return f"a mean names model {mean.model[:80]!r}, which is not listed"
    for text in _texts(dataclasses.asdict(results)):
        if len(text) > MAX_TEXT:
            return f"a text has more than {MAX_TEXT:,} characters"
    for estimate in _estimates(results):
        if estimate.n < 0 or not _ordered(estimate):
            return "an estimate lies outside its interval, or its count is negative"
    for shares in all_measures(results):
        accuracy = shares.get("accuracy")
        if accuracy and accuracy.value is not None and not 0 <= accuracy.value <= 1:
            return f"an accuracy is {accuracy.value:g}; shares are 0 to 1"
    return ""


def _ordered(e: Estimate) -> bool:
    if e.value is None or e.low is None or e.high is None:
        return True
    slack = 1e-9 + 0.5 * abs(e.high - e.low)  # a bootstrap interval may lie beside its value
    return e.low - slack <= e.value <= e.high + slack and e.low <= e.high


def _estimates(results: Results) -> Iterator[Estimate]:
    for measures in all_measures(results):
        yield from measures.values()
    for pair in results.pairs:
        yield from (pair.first, pair.second, pair.difference)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner)
