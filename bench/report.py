"""A million trials to a report: seconds and peak memory. Targets: under 30 s and 4 GB.

    python bench/report.py [TRIALS]

The trials are those of planted respondents on drawn scenes, repeated under fresh uids.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

import unswayed
from unswayed import report
from unswayed.backends import open_backend
from unswayed.metrics import summarise
from unswayed.report.rendering import write_text
from unswayed.trial import SCHEMA


def million(trials: int) -> pa.Table:
    """So many trials of a respondent that follows half of the captions."""
    questions = unswayed.load_questions("scenes", limit=500)
    backend = open_backend("scripted:caption-follower:p=0.5,acc=0.8", questions)
    once = asyncio.run(unswayed.audit(backend, questions, list(unswayed.CONDITIONS))).trials
    copies = []
    for copy in range(-(-trials // once.num_rows)):
        fresh = {name: pa.array([f"{v}/{copy}" for v in once[name].to_pylist()]) for name in ("uid", "group")}
        table = once
        for name, column in fresh.items():
            table = table.set_column(table.schema.get_field_index(name), SCHEMA.field(name), column)
        copies.append(table)
    return pa.concat_tables(copies).slice(0, trials)


def main() -> None:
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trials.parquet"
        pq.write_table(million(trials), path, compression="zstd")
        began = time.perf_counter()
        table = pq.read_table(path)
        summary = summarise(table)
        measured = time.perf_counter()
        page = report.build(summary, table, {}, lambda sha: None)
        write_text(Path(folder) / "report.html", page)
        ended = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{trials:,} trials, {path.name} read and measured in {measured - began:.1f} s")
    print(f"page of {len(page) / 1e6:.1f} MB built in {ended - measured:.1f} s")
    print(f"in all {ended - began:.1f} s (target 30), peak memory {peak:.1f} GB (target 4)")


if __name__ == "__main__":
    main()
