"""3DSRBench (Ma et al. 2024, arXiv 2412.07825): positions of objects in space, with mirrored copies.

Its parquet file gives addresses of COCO's images, none of them mirrored: the image of a ``-flip`` row is
mirrored here. Its TSV files hold the images; a flip row there with the same image as its base row is mirrored
too, any other is taken as it is. Read: `index, question, A-D, answer, category`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

from PIL import ImageOps

from unswayed import images
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, ReadRequest
from unswayed.benchmarks.files.download import remote_image
from unswayed.benchmarks.files.hub import HubSource
from unswayed.benchmarks.files.local import LocalFiles
from unswayed.benchmarks.files.parquet import ParquetTable
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.benchmarks.split_files import (
    local_path,
    missing_files,
    open_parquet,
    single_file,
    split_files,
)
from unswayed.question import Image, Question


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions; `family` and `category` are one of twelve categories, ``meta["kind"]`` one of four
    kinds."""
    if table := open_parquet(split_files(request, "*.parquet")):
        rows = vlmevalkit.rows_by_index(table)
        addresses = _AddressedImages(table, request.files)
        questions = vlmevalkit.read_rows(
            table, addresses, request.name, rows, on_skipped=request.on_skipped, unit="row"
        )
        yield from (_with_category(question) for question in questions)
        return
    entry = single_file(request, "3dsrbench_v1_vlmevalkit.tsv", "3DSRBench.tsv", "*.tsv", "*.tsv.gz")
    if entry is None:
        raise missing_files(request, "parquet or TSV file of 3DSRBench (its CSV file has no options)")
    by_uid = {
        question.uid: question for question in vlmevalkit.read_request(request, TsvTable(local_path(entry)))
    }
    for question in by_uid.values():
        base = by_uid.get(question.uid.replace("-flip", ""))
        if question.source.mirrored and base is not None:
            pairs = zip(question.images, base.images, strict=True)
            question = replace(question, images=tuple(_mirrored_if_equal(own, other) for own, other in pairs))
        yield _with_category(question)


class _AddressedImages:
    """The images of the parquet file: addresses, looked for in the folder first (``train2017/….jpg``)."""

    def __init__(self, table: ParquetTable, files: LocalFiles) -> None:
        self._table = table
        self._files = files

    def missing(self, row: int) -> str | None:
        return None if self._table.text(row, "image_url") else "it has no picture"

    def key(self, row: int) -> object:
        return self._table.text(row, "image_url") or None

    def of(self, row: int) -> tuple[Image, ...]:
        url = self._table.text(row, "image_url")
        image = self._files.image(url) or remote_image(url, access=self._files.access)
        return (mirrored(image),) if "-flip" in self._table.text(row, "index") else (image,)


def mirrored(image: Image) -> Image:
    """The image mirrored left to right, as PNG; read when needed."""

    def read() -> bytes:
        out = io.BytesIO()
        ImageOps.mirror(images.open_rgb(image.read(), image.name)).save(out, "PNG")
        return out.getvalue()

    return Image(read, f"{image.name} (mirrored)")


def _mirrored_if_equal(own: Image, base: Image) -> Image:
    """A flip row's image: its own where it differs from the base row's, else the mirrored one."""

    def read() -> bytes:
        data = own.read()
        return mirrored(base).read() if data == base.read() else data

    return Image(read, own.name)


def _with_category(question: Question) -> Question:
    category = question.category or question.family
    kind = "multi-object" if category.startswith("multi_object") else category.split("_")[0]
    return replace(question, family=category, category=category, meta={**question.meta, "kind": kind})


ENTRIES = (
    CatalogueEntry(
        name="3dsrbench",
        title="3DSRBench: height, location, orientation, several objects",
        size="5,157 rows with flips",
        licence="CC-BY-4.0; pictures of COCO",
        home="https://3dsrbench.github.io",
        needs="3dsrbench_v1_vlmevalkit.tsv or 3DSRBench.tsv",
        read=read,
        hub=HubSource(
            "ccvl/3DSRBench", ("*.parquet", "coco_images.zip"), "5c90e422b68d0484d50a3ff06b3096ea7d288026"
        ),
    ),
)
