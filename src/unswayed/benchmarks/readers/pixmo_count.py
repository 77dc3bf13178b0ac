"""PixMo-Count (Deitke et al. 2024, arXiv 2409.17146): how many of something there are, as a number.

It has no question and no options: the question's wording and the wrong options (numbers beside the right
one) are made here and declared in `meta`. Pictures are addresses of third parties, fetched when asked
and compared with the hash that the row gives; or files of that hash, or of the address's last part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from unswayed.benchmarks import distractors, shuffling
from unswayed.benchmarks.files.download import remote
from unswayed.benchmarks.records import (
    Asked,
    Draft,
    LeftOut,
    each,
    finish,
)
from unswayed.benchmarks.split_files import found, nothing, parquet
from unswayed.question import Image, Question

QUESTION = "How many {label} are in the image?"
DISTRACTORS = "unswayed-1"
"""Version of the making of wrong options, in ``meta["distractors"]``."""


def read(asked: Asked) -> Iterator[Question]:
    """The questions of a split. The group is the picture's address: labels share pictures."""
    table = parquet(found(asked, f"*{asked.split}*.parquet", "*.parquet"))
    if table is None:
        raise nothing(asked, "parquet files of PixMo-Count")
    drafts = each(
        table.rows,
        lambda number, row: _draft(asked, number, row),
        lambda number, _: str(number),
        str(table.path),
    )
    yield from finish(asked.name, drafts, asked.tell)


def _draft(asked: Asked, number: int, row: Mapping[str, Any]) -> Draft:
    label, count = str(row["label"] or "").strip(), row["count"]
    if not label:
        raise LeftOut("it does not say what is counted")
    if count is None or count < 0:
        raise LeftOut(f"its count is {count}")
    url, sha256 = str(row["image_url"]), str(row.get("image_sha256") or "")
    near, gold = distractors.near(int(count), "pixmo-count", url, label)
    options, gold, meta = shuffling.shuffled(near, gold, "pixmo-count", url, label)
    return Draft(
        uid=str(number),
        text=QUESTION.format(label=label),
        options=options,
        gold=gold,
        images=(_picture(asked, url, sha256),),
        family="count",
        shares=(("url", url), *([("sha256", sha256)] if sha256 else [])),
        meta={
            **meta,
            "category": "count",
            "label": label,
            "count": int(count),
            "points": row.get("points"),
            "distractors": DISTRACTORS,
            "row": number,
        },
    )


def _picture(asked: Asked, url: str, sha256: str) -> Image:
    last = unquote(PurePosixPath(urlsplit(url).path).name)
    for name in filter(None, (sha256, last)):
        image = asked.place.picture(name if PurePosixPath(name).suffix else f"{name}.jpg")
        if image is not None:
            return image
    return remote(url, sha256=sha256)
