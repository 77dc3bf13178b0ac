"""MMBench (Liu et al. 2023, arXiv 2307.06281): twenty abilities, asked once for every rolling of the options.

Forms: the authors' TSV files, and the hub's parquet files with the same columns, whose pictures are
embedded, base64, or the index of the row that holds them. The test split's answers are hidden.
"""

from __future__ import annotations

from collections.abc import Iterator

from unswayed.benchmarks.files.parquet_images import ParquetPictures
from unswayed.benchmarks.files.tsv import Table
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import Asked
from unswayed.benchmarks.split_files import (
    found,
    loose,
    nothing,
    one,
    parquet,
)
from unswayed.errors import BadInput
from unswayed.question import Question

FILES = {
    "mmbench-en": "MMBench_DEV_EN.tsv",
    "mmbench-cn": "MMBench_DEV_CN.tsv",
    "mmbench-en-v11": "MMBench_DEV_EN_V11.tsv",
}


def read(asked: Asked) -> Iterator[Question]:
    """The questions of a language; circular copies are questions of their own, in one group."""
    language, split = asked.name.split("-")[1], asked.split
    # The fallbacks are for files called otherwise; version 1.1 is only what says so.
    other = () if asked.name.endswith("v11") else (f"*_{language}*.tsv", f"*_{language.upper()}*.tsv")
    if file := one(asked, FILES[asked.name], *other):
        table = Table(loose(file))
        kept = split if asked.named and "split" in table else None
        yield from vlmevalkit.read(table, asked.name, split=kept, skipped=asked.tell)
        return
    files = found(asked, f"{language}/*.parquet", f"*/{language}/*.parquet", "*.parquet")
    rows = parquet(files)
    if rows is None:
        raise nothing(asked, f"{FILES[asked.name]}, nor parquet files of MMBench")
    if "answer" not in rows or not any(rows.text(row, "answer") for row in range(len(rows))):
        raise BadInput(
            f"{rows.path}: the answers are hidden, as in the test split; take dev, which holds them"
        )
    index = vlmevalkit.rows_by_index(rows)
    shown = ParquetPictures(rows, "image", asked.place, index)
    yield from vlmevalkit.lettered(rows, shown, asked.name, index, skipped=asked.tell, unit="row")
