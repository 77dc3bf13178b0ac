"""CV-Bench (Tong et al. 2024, arXiv 2406.16860): counting, relation, depth, distance; up to six options.

Read: the columns `idx, type, task, image, question, choices, answer "(C)", source, filename` of the hub's two
parquet files, or the TSV files. Where `image` is empty the file `filename` is looked for. The column `prompt`
is not used, because it says how to answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from unswayed.benchmarks import answer_parsing
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.local import FileEntry
from unswayed.benchmarks.files.parquet import ParquetTable
from unswayed.benchmarks.files.parquet_images import ParquetImages, missing_image
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.records import Record, Skipped, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import local_path, missing_files, open_parquet
from unswayed.question import Image, Question, SourceRow


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of both halves (`cvbench`), or of one (`cvbench-2d`, `cvbench-3d`)."""
    half = request.name.removeprefix("cvbench").removeprefix("-") or "?d"
    files = request.files
    if table := open_parquet(files.match(f"test_{half}.parquet", "*.parquet")):
        yield from to_questions(request.name, _records(table, request, half), request.on_skipped)
    elif entries := files.match(f"CV-Bench-{half.upper()}.tsv", "*.tsv", "*.tsv.gz"):
        yield from _from_tsv(entries, request)
    else:
        raise missing_files(request, "test_2d.parquet, test_3d.parquet, CV-Bench-2D.tsv or CV-Bench-3D.tsv")


def _from_tsv(entries: list[FileEntry], request: ReadRequest) -> Iterator[Question]:
    for entry in entries:
        # Both files count from 0, so the file's name makes the uid unique where both are read.
        prefix = f"{vlmevalkit.stem(local_path(entry))}-" if len(entries) > 1 else ""
        for question in vlmevalkit.read_request(request, TsvTable(local_path(entry))):
            yield replace(question, uid=prefix + question.uid, group=prefix + question.group)


def _records(table: ParquetTable, request: ReadRequest, half: str) -> Iterator[Record | Skipped]:
    images = ParquetImages(table, "image", request.files)

    def make(number: int, row: Mapping[str, Any]) -> Record:
        options = answer_parsing.parse_options(row["choices"])
        return Record(
            uid=str(row["idx"]),
            text=answer_parsing.strip_instruction(row["question"]),
            options=options,
            gold=answer_parsing.parse_letter(row["answer"], options),
            images=images.of(number) or _loose_image(request, str(row.get("filename") or "")),
            family=str(row["task"]),
            shared=(*images.keys(number), ("file", row.get("filename") or row["idx"])),
            row=number,
            category=str(row["task"]),
            source=SourceRow(dataset=str(row["source"])),
            meta={"type": row["type"]},
        )

    def uid(number: int, row: Mapping[str, Any]) -> str:
        return str(row.get("idx", number))

    for record in make_records(table.rows, make, uid, str(table.path)):
        kind = table.rows[record.line - 1 if isinstance(record, Skipped) else record.row or 0].get("type")
        if half == "?d" or kind == half.upper():
            yield record


def _loose_image(request: ReadRequest, filename: str) -> tuple[Image, ...]:
    if not filename:
        raise UnusableRow("it has no picture")
    return (request.files.image(filename) or missing_image(filename, request.files.root),)


def _entry(name: str, title: str, size: str, files: tuple[str, ...], needs: str) -> CatalogueEntry:
    return CatalogueEntry(
        name=name,
        title=title,
        size=size,
        licence="Apache-2.0",
        home="https://github.com/cambrian-mllm/cambrian",
        needs=needs,
        read=read,
        hub=HubSource("nyu-visionx/CV-Bench", files, "bc284db50d036958861cb60cdd7b77612052ce0d"),
    )


ENTRIES = (
    _entry(
        "cvbench",
        "CV-Bench, 2D and 3D",
        "2,638 rows",
        ("test_2d.parquet", "test_3d.parquet"),
        "test_2d.parquet and test_3d.parquet",
    ),
    _entry("cvbench-2d", "CV-Bench, 2D", "1,438 rows", ("test_2d.parquet",), "CV-Bench-2D.tsv"),
    _entry("cvbench-3d", "CV-Bench, 3D", "1,200 rows", ("test_3d.parquet",), "CV-Bench-3D.tsv"),
)
