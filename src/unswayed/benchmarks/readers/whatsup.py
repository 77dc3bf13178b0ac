"""WhatsUp (Kamath et al. 2023, arXiv 2310.19785): which caption is true of the picture.

The right caption comes first in its files, so the options are shuffled; file names say the answer
and stay out of sight. A and B: sets of four photographs of one pair of things; the set is the
group, ``meta["pair"]`` tells its halves. COCO and VG: ``[picture, right caption, wrong caption]``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from unswayed.benchmarks import shuffling
from unswayed.benchmarks.files import json_rows
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    each,
    finish,
)
from unswayed.benchmarks.split_files import nothing
from unswayed.question import Image, Question

QUESTION = "Which caption describes the image?"
FILES = {
    "a": ("controlled_images_dataset.json",),
    "b": ("controlled_clevr_dataset.json",),
    "coco-one": ("coco_qa_one_obj.json", "*coco*one*.json"),
    "coco-two": ("coco_qa_two_obj.json", "*coco*two*.json"),
    "vg-one": ("vg_qa_one_obj.json", "*vg*one*.json"),
    "vg-two": ("vg_qa_two_obj.json", "*vg*two*.json"),
}
SWAPPED = re.compile(r"pillow_(left|right)_of_chair\b")
"""Two pictures of A whose labels are known to be exchanged (issue 4 of the authors' repository)."""

_PAIRS = (
    ("left-right", re.compile(r"\b(?:left|right)\b")),
    ("front-behind", re.compile(r"\b(?:in[- ]front|front|behind)\b")),
    ("above-below", re.compile(r"\b(?:above|below|top|bottom)\b")),
    ("on-under", re.compile(r"\b(?:on|under)\b")),
)


def read(asked: Asked) -> Iterator[Question]:
    """The questions of one part. `family` is the pair of relations that the right caption is of."""
    part = asked.name.removeprefix("whatsup-")
    files = asked.place.files(*FILES[part])
    if len(files) != 1:
        raise nothing(asked, f"{FILES[part][0]}")
    make = _controlled(asked) if part in "ab" else _listed(asked, part.split("-")[0])
    found = (
        json_rows.objects(files[0]) if part in "ab" else [{"row": row} for row in json_rows.values(files[0])]
    )
    drafts = each(found, make, lambda number, _: str(number), files[0].where)
    yield from finish(asked.name, drafts, asked.tell)


def _controlled(asked: Asked) -> Any:
    def make(number: int, row: Mapping[str, Any]) -> Draft:
        captions = tuple(str(caption).strip() for caption in row["caption_options"])
        path = str(row["image_path"])
        if SWAPPED.search(path):
            raise LeftOut("its label is known to be exchanged with another picture's")
        things = "|".join(sorted(captions))
        return _draft(asked, number, captions, path, (("set", things),), {"set": things, "set_size": 4})

    return make


def _listed(asked: Asked, source: str) -> Any:
    def make(number: int, row: Mapping[str, Any]) -> Draft:
        image, *captions = row["row"]
        path = f"val2017/{int(image):012}.jpg" if source == "coco" else f"vg_images/{image}.jpg"
        return _draft(asked, number, tuple(captions), path, ((source, image),), {})

    return make


def _draft(
    asked: Asked,
    number: int,
    captions: tuple[str, ...],
    path: str,
    shares: tuple[object, ...],
    meta: Mapping[str, Any],
) -> Draft:
    if len(captions) < 2:
        raise LeftOut("it has fewer than two captions")
    options, gold, mixed = shuffling.shuffled(captions, 0, "whatsup", asked.name, number)
    relation = axis(captions[0], captions)
    image = _picture(asked, path)
    more = {"pair": f"{meta['set']}/{relation}"} if "set" in meta else {}
    return Draft(
        uid=str(number),
        text=QUESTION,
        options=options,
        gold=gold,
        images=(image,),
        family=relation,
        shares=(*shares, ("file", path)),
        meta={**mixed, **meta, **more, "category": relation, "row": number},
    )


def axis(caption: str, captions: tuple[str, ...]) -> str:
    """Which pair of relations a caption is of: ``left-right``, ``on-under``, …; else ``other``.

    Words that all the captions have in common ("an armchair on the left of …") do not count.
    """
    common = set.intersection(*({*text.lower().split()} for text in captions)) if len(captions) > 1 else set()
    said = " ".join(word for word in caption.lower().split() if word not in common)
    return next((name for name, words in _PAIRS if words.search(said)), "other")


def _picture(asked: Asked, path: str) -> Image:
    image = asked.place.picture(path)
    if image is None:
        # The path says the answer, so the message does not.
        raise LeftOut("its picture is not in the folder or the archives there")
    return image
