"""MMBench (Liu et al. 2023, arXiv 2307.06281): twenty abilities; every rotation of the options is a row.

Forms: the authors' TSV files, and the hub's parquet files with the same columns, whose images are
embedded, base64, or the index of the row that holds them. The answers of the test split are hidden.
"""

from __future__ import annotations

from collections.abc import Iterator

from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.parquet_images import ParquetImages
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.split_files import (
    local_path,
    missing_files,
    open_parquet,
    single_file,
    split_files,
)
from unswayed.errors import BadInput
from unswayed.question import Question

FILES = {
    "mmbench-en": "MMBench_DEV_EN.tsv",
    "mmbench-cn": "MMBench_DEV_CN.tsv",
    "mmbench-en-v11": "MMBench_DEV_EN_V11.tsv",
}


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of one language; circular copies are questions of their own, in the group of their
    original."""
    language, split = request.name.split("-")[1], request.split
    # The fallbacks are for files of another name; for version 1.1 the name is the only sign of the version.
    fallbacks = () if request.name.endswith("v11") else (f"*_{language}*.tsv", f"*_{language.upper()}*.tsv")
    if entry := single_file(request, FILES[request.name], *fallbacks):
        table = TsvTable(local_path(entry))
        wanted = split if request.split_given and "split" in table else None
        yield from vlmevalkit.read_request(request, table, split=wanted)
        return
    entries = split_files(request, f"{language}/*.parquet", f"*/{language}/*.parquet", "*.parquet")
    rows = open_parquet(entries)
    if rows is None:
        raise missing_files(request, f"{FILES[request.name]}, nor parquet files of MMBench")
    if "answer" not in rows or not any(rows.text(row, "answer") for row in range(len(rows))):
        raise BadInput(
            f"{rows.path}: the answers are hidden, as in the test split; take dev, which holds them"
        )
    index = vlmevalkit.rows_by_index(rows)
    images = ParquetImages(rows, "image", request.files, index)
    yield from vlmevalkit.read_rows(
        rows, images, request.name, index, on_skipped=request.on_skipped, unit="row"
    )


def _entry(name: str, title: str, size: str, config: str | None) -> CatalogueEntry:
    return CatalogueEntry(
        name=name,
        title=title,
        size=size,
        licence="Apache-2.0; rights in the pictures not stated",
        home="https://github.com/open-compass/MMBench",
        needs=FILES[name],
        read=read,
        hub=HubSource("lmms-lab/MMBench", (f"{config}/{{split}}-*.parquet",)) if config else None,
        split="dev",
    )


ENTRIES = (
    _entry("mmbench-en", "MMBench dev, English", "4,329 rows with circular copies", "en"),
    _entry("mmbench-cn", "MMBench dev, Chinese", "4,329 rows with circular copies", "cn"),
    _entry("mmbench-en-v11", "MMBench dev 1.1, English", "dev split", None),
)
