"""3DSRBench (Ma et al. 2024, arXiv 2412.07825): where things are in space, with mirrored copies.

Its parquet gives addresses of COCO's pictures, mirrored for no row: a ``-flip`` row's picture is
mirrored here. Its TSV files hold the pictures; a flip row there that shows its base's very picture
is mirrored too, any other is taken as it is. Taken: `index, question, A-D, answer, category`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

from PIL import ImageOps

from unswayed import images
from unswayed.benchmarks.files.download import remote
from unswayed.benchmarks.files.local import Place
from unswayed.benchmarks.files.parquet import Parquet
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
from unswayed.question import Image, Question


def read(asked: Asked) -> Iterator[Question]:
    """The questions; `family` and ``meta["category"]`` are one of twelve, ``meta["kind"]`` of four."""
    if table := parquet(found(asked, "*.parquet")):
        rows = vlmevalkit.rows_by_index(table)
        shown = _Addresses(table, asked.place)
        questions = vlmevalkit.lettered(table, shown, asked.name, rows, skipped=asked.tell, unit="row")
        yield from (_kinded(question) for question in questions)
        return
    if (file := one(asked, "3dsrbench_v1_vlmevalkit.tsv", "3DSRBench.tsv", "*.tsv", "*.tsv.gz")) is None:
        raise nothing(asked, "parquet or TSV file of 3DSRBench (its CSV file has no options)")
    questions = vlmevalkit.read(Table(loose(file)), asked.name, skipped=asked.tell)
    known = {question.uid: question for question in questions}
    for question in known.values():
        base = known.get(question.uid.replace("-flip", ""))
        if question.meta["flip"] and base is not None:
            first = zip(question.images, base.images, strict=True)
            question = replace(question, images=tuple(_unlike(own, other) for own, other in first))
        yield _kinded(question)


class _Addresses:
    """The pictures of the parquet: addresses, looked for in the place first (``train2017/….jpg``)."""

    def __init__(self, table: Parquet, place: Place) -> None:
        self._table = table
        self._place = place

    def missing(self, row: int) -> str | None:
        return None if self._table.text(row, "image_url") else "it has no picture"

    def key(self, row: int) -> object:
        return self._table.text(row, "image_url") or None

    def of(self, row: int) -> tuple[Image, ...]:
        url = self._table.text(row, "image_url")
        image = self._place.picture(url) or remote(url)
        return (mirrored(image),) if "-flip" in self._table.text(row, "index") else (image,)


def mirrored(image: Image) -> Image:
    """The picture turned left to right, as PNG; read when needed."""

    def read() -> bytes:
        out = io.BytesIO()
        ImageOps.mirror(images.open_rgb(image.read(), image.name)).save(out, "PNG")
        return out.getvalue()

    return Image(read, f"{image.name} (mirrored)")


def _unlike(own: Image, base: Image) -> Image:
    """A flip row's picture: its own where it differs from its base's, else that mirrored."""

    def read() -> bytes:
        data = own.read()
        return mirrored(base).read() if data == base.read() else data

    return Image(read, own.name)


def _kinded(question: Question) -> Question:
    category = str(question.meta["category"] or question.family)
    kind = "multi-object" if category.startswith("multi_object") else category.split("_")[0]
    return replace(question, family=category, meta={**question.meta, "kind": kind, "category": category})
