"""WhatsUp (Kamath et al. 2023, arXiv 2310.19785): which caption is true of the image.

The right caption comes first in its files, so the options are shuffled; file names contain the answer and are
never shown. A and B: sets of four photographs of the same two objects; the set is the group, and pairs and
sets have scores of their own (`SourceRow.joint`). COCO and VG: ``[image, right caption, wrong caption]``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from unswayed.benchmarks import answer_parsing, shuffling
from unswayed.benchmarks.catalogue_entry import CatalogueEntry, Collection, ReadRequest
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.records import Record, UnusableRow, make_records, to_questions
from unswayed.benchmarks.split_files import missing_files
from unswayed.question import Image, JointScore, Question, SourceRow

QUESTION = "Which caption describes the image?"
FILES = {
    "a": ("controlled_images_dataset.json",),
    "b": ("controlled_clevr_dataset.json",),
    "coco-one": ("coco_qa_one_obj.json", "*coco*one*.json"),
    "coco-two": ("coco_qa_two_obj.json", "*coco*two*.json"),
    "vg-one": ("vg_qa_one_obj.json", "*vg*one*.json"),
    "vg-two": ("vg_qa_two_obj.json", "*vg*two*.json"),
}
SWAPPED_LABELS = re.compile(r"pillow_(left|right)_of_chair\b")
"""Two images of A whose labels are exchanged (issue 4 of the authors' repository)."""

_RELATIONS = (
    ("left-right", re.compile(r"\b(?:left|right)\b")),
    ("front-behind", re.compile(r"\b(?:in[- ]front|front|behind)\b")),
    ("above-below", re.compile(r"\b(?:above|below|top|bottom)\b")),
    ("on-under", re.compile(r"\b(?:on|under)\b")),
)

MakeRecord = Callable[[int, Mapping[str, Any]], Record]


def read(request: ReadRequest) -> Iterator[Question]:
    """The questions of one part. `family` is the pair of opposite relations of the right caption."""
    part = request.name.removeprefix("whatsup-")
    entries = request.files.match(*FILES[part])
    if len(entries) != 1:
        raise missing_files(request, f"{FILES[part][0]}")
    rows: list[Mapping[str, Any]]
    if part in "ab":
        rows, make = json_rows.read_objects(entries[0]), _make_controlled(request)
    else:
        rows = [{"row": row} for row in json_rows.read_values(entries[0])]
        make = _make_listed(request, part.split("-")[0])
    records = make_records(rows, make, lambda number, _: str(number), entries[0].location)
    yield from to_questions(request.name, records, request.on_skipped)


def _make_controlled(request: ReadRequest) -> MakeRecord:
    def make(number: int, row: Mapping[str, Any]) -> Record:
        captions = answer_parsing.parse_options(row["caption_options"])
        path = str(row["image_path"])
        if SWAPPED_LABELS.search(path):
            raise UnusableRow("its label is known to be exchanged with another picture's")
        set_key = "|".join(sorted(captions))
        pair_key = f"{set_key}/{relation(captions[0], captions)}"
        joint = (JointScore("pairs", pair_key, 2), JointScore("sets", set_key, 4))
        return _record(request, number, captions, path, (("set", set_key),), joint)

    return make


def _make_listed(request: ReadRequest, source: str) -> MakeRecord:
    def make(number: int, row: Mapping[str, Any]) -> Record:
        image, *captions = row["row"]
        path = f"val2017/{int(image):012}.jpg" if source == "coco" else f"vg_images/{image}.jpg"
        options = answer_parsing.parse_options(captions)
        return _record(request, number, options, path, ((source, image),))

    return make


def _record(
    request: ReadRequest,
    number: int,
    captions: tuple[str, ...],
    path: str,
    shared: tuple[Any, ...],
    joint: tuple[JointScore, ...] = (),
) -> Record:
    if len(captions) < 2:
        raise UnusableRow("it has fewer than two captions")
    options, gold, meta = shuffling.shuffled(captions, 0, "whatsup", request.name, number)
    family = relation(captions[0], captions)
    return Record(
        uid=str(number),
        text=QUESTION,
        options=options,
        gold=gold,
        images=(_image(request, path),),
        family=family,
        shared=(*shared, ("file", path)),
        row=number,
        category=family,
        source=SourceRow(joint=joint),
        meta=meta,
    )


def relation(caption: str, captions: tuple[str, ...]) -> str:
    """The pair of opposite relations of a caption: ``left-right``, ``on-under``, …; else ``other``.

    Words that all captions have in common ("an armchair on the left of …") do not count.
    """
    common = set.intersection(*({*text.lower().split()} for text in captions)) if len(captions) > 1 else set()
    distinctive = " ".join(word for word in caption.lower().split() if word not in common)
    return next((name for name, words in _RELATIONS if words.search(distinctive)), "other")


def _image(request: ReadRequest, path: str) -> Image:
    image = request.files.image(path)
    if image is None:
        # The path contains the answer, so the message does not show it.
        raise UnusableRow("its picture is not in the folder or the archives there")
    return image


def _entry(part: str, title: str, size: str) -> CatalogueEntry:
    return CatalogueEntry(
        name=f"whatsup-{part}",
        title=title,
        size=size,
        licence="MIT" if part in "ab" else "MIT; pictures of COCO and VG theirs",
        home="https://github.com/amitakamath/whatsup_vlms",
        needs=f"{FILES[part][0]} and pictures",
        read=read,
    )


ENTRIES = (
    _entry("a", "WhatsUp Controlled A: on, under, left, right", "412 rows, 103 sets of four"),
    _entry("b", "WhatsUp Controlled B: front, behind, left, right", "408 rows, 102 sets of four"),
    _entry("coco-one", "WhatsUp COCO, one object", "2,247 rows, two options"),
    _entry("coco-two", "WhatsUp COCO, two objects", "440 rows, two options"),
    _entry("vg-one", "WhatsUp Visual Genome, one object", "1,160 rows, two options"),
    _entry("vg-two", "WhatsUp Visual Genome, two objects", "291 rows, two options"),
)
COLLECTIONS = (
    Collection("whatsup", "WhatsUp Controlled A and B", {"whatsup-a": 412, "whatsup-b": 408}),
    Collection("whatsup-coco", "WhatsUp COCO", {"whatsup-coco-one": 2247, "whatsup-coco-two": 440}),
    Collection("whatsup-vg", "WhatsUp Visual Genome", {"whatsup-vg-one": 1160, "whatsup-vg-two": 291}),
)
