"""The published benchmarks: what each is called, who offers it, what a user needs, and who reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from unswayed.benchmarks.files.hub import Hub
from unswayed.benchmarks.readers import (
    cvbench,
    geometry3k,
    mmbench,
    mme_realworld,
    nlvr,
    pixmo_count,
    sat,
    sat2,
    spatial_mm,
    threedsr,
    vstar,
    whatsup,
)
from unswayed.benchmarks.records import Asked
from unswayed.question import Question


@dataclass(frozen=True)
class Published:
    """One benchmark that others offer."""

    name: str
    title: str
    size: str
    licence: str
    home: str
    """Where it comes from."""
    needs: str
    """What a user must have where it is not got from the hub: the name of a file, or words."""
    read: Callable[[Asked], Iterator[Question]]
    hub: Hub | None = None
    """None: the hub does not have it."""
    split: str = "test"
    """Which split is meant where none is named."""

    @property
    def rows(self) -> int | None:
        """How many there are, where `size` says it."""
        found = re.match(r"([\d,]+) rows\b", self.size)
        return int(found[1].replace(",", "")) if found else None


_MMBENCH = "Apache-2.0; rights in the pictures not stated"
_WHATSUP = "MIT; pictures of COCO and VG theirs"
_SPATIAL = "https://github.com/FatemehShiri/Spatial-MM"
_WHATSUP_HOME = "https://github.com/amitakamath/whatsup_vlms"


def _mmbench(name: str, title: str, size: str, config: str | None) -> Published:
    hub = Hub("lmms-lab/MMBench", (f"{config}/{{split}}-*.parquet",)) if config else None
    return Published(
        name,
        title,
        size,
        _MMBENCH,
        "https://github.com/open-compass/MMBench",
        mmbench.FILES[name],
        mmbench.read,
        hub,
        "dev",
    )


def _cvbench(name: str, title: str, size: str, files: tuple[str, ...], tsv: str) -> Published:
    hub = Hub("nyu-visionx/CV-Bench", files, "bc284db50d036958861cb60cdd7b77612052ce0d")
    home = "https://github.com/cambrian-mllm/cambrian"
    return Published(name, title, size, "Apache-2.0", home, tsv, cvbench.read, hub)


def _spatial(part: str, title: str, size: str, files: str) -> Published:
    return Published(
        f"spatial-mm-{part}", title, size, "none stated", _SPATIAL, f"{files} and pictures", spatial_mm.read
    )


def _whatsup(part: str, title: str, size: str) -> Published:
    return Published(
        f"whatsup-{part}",
        title,
        size,
        "MIT" if part in "ab" else _WHATSUP,
        _WHATSUP_HOME,
        f"{whatsup.FILES[part][0]} and pictures",
        whatsup.read,
    )


PUBLISHED = (
    _mmbench("mmbench-en", "MMBench dev, English", "4,329 rows with circular copies", "en"),
    _mmbench("mmbench-cn", "MMBench dev, Chinese", "4,329 rows with circular copies", "cn"),
    _mmbench("mmbench-en-v11", "MMBench dev 1.1, English", "dev split", None),
    Published(
        "3dsrbench",
        "3DSRBench: height, location, orientation, several objects",
        "5,157 rows with flips",
        "CC-BY-4.0; pictures of COCO",
        "https://3dsrbench.github.io",
        "3dsrbench_v1_vlmevalkit.tsv or 3DSRBench.tsv",
        threedsr.read,
        Hub("ccvl/3DSRBench", ("*.parquet", "coco_images.zip"), "5c90e422b68d0484d50a3ff06b3096ea7d288026"),
    ),
    _cvbench(
        "cvbench",
        "CV-Bench, 2D and 3D",
        "2,638 rows",
        ("test_2d.parquet", "test_3d.parquet"),
        "test_2d.parquet and test_3d.parquet",
    ),
    _cvbench("cvbench-2d", "CV-Bench, 2D", "1,438 rows", ("test_2d.parquet",), "CV-Bench-2D.tsv"),
    _cvbench("cvbench-3d", "CV-Bench, 3D", "1,200 rows", ("test_3d.parquet",), "CV-Bench-3D.tsv"),
    _spatial(
        "obj",
        "Spatial-MM Obj, one and two objects",
        "1,576 rows",
        "spatial_mm_one_obj.json, spatial_mm_two_obj.json",
    ),
    _spatial("one-obj", "Spatial-MM Obj, one object", "502 rows", "spatial_mm_one_obj.json"),
    _spatial("two-obj", "Spatial-MM Obj, two objects", "1,074 rows", "spatial_mm_two_obj.json"),
    _spatial(
        "multihop",
        "Spatial-MM Multihop, open-ended; wrong options ours",
        "309 rows, some left out",
        "multihop_reasoning_309.json",
    ),
    _whatsup("a", "WhatsUp Controlled A: on, under, left, right", "412 rows, 103 sets of four"),
    _whatsup("b", "WhatsUp Controlled B: front, behind, left, right", "408 rows, 102 sets of four"),
    _whatsup("coco-one", "WhatsUp COCO, one object", "2,247 rows, two options"),
    _whatsup("coco-two", "WhatsUp COCO, two objects", "440 rows, two options"),
    _whatsup("vg-one", "WhatsUp Visual Genome, one object", "1,160 rows, two options"),
    _whatsup("vg-two", "WhatsUp Visual Genome, two objects", "291 rows, two options"),
    Published(
        "vstar",
        "V*Bench: attributes and places of small things",
        "191 rows",
        "none stated for the data",
        "https://github.com/penghao-wu/vstar",
        "VStarBench.tsv, or test_questions.jsonl and pictures",
        vstar.read,
        Hub(
            "craigwu/vstar_bench",
            ("test_questions.jsonl", "direct_attributes/*", "relative_position/*"),
            "d9ae62c903da0c98336e85c5ee89cd863b04b4da",
        ),
    ),
    Published(
        "mme-realworld-lite",
        "MME-RealWorld-Lite: large pictures, five options",
        "1,919 rows",
        "conflicting statements; not to be passed on",
        "https://github.com/MME-Benchmarks/MME-RealWorld",
        "data.zip, or mme_realworld_lite.tsv",
        mme_realworld.read,
        Hub(
            "yifanzhang114/MME-RealWorld-lite-lmms-eval",
            ("*.parquet",),
            "f6b0dc81ba4d3c39bd9b4e544578198d365ac084",
            streams=True,
        ),
        "train",
    ),
    Published(
        "sat",
        "SAT: simulated rooms, one or two pictures (for training)",
        "172,384 train, 127K static, 4K val, 150 test",
        "MIT",
        "https://github.com/arijitray1993/SAT",
        "SAT_static.parquet, SAT_train.parquet, …",
        sat.read,
        Hub("array/SAT", ("SAT_{split}.parquet",), "bda5dde942d7f7b41bff7935f086ed9a9e348ae3", streams=True),
    ),
    Published(
        "sat2-32k",
        "SAT-2 as ViGoRL uses it (for training)",
        "about 32,000 rows",
        "MIT",
        "https://huggingface.co/datasets/gsarch/vigorl_datasets",
        "spatial_reasoning.tar",
        sat2.read,
        Hub("gsarch/vigorl_datasets", ("spatial_reasoning.tar",)),
        "train",
    ),
    Published(
        "pixmo-count",
        "PixMo-Count (for training); question's wording and wrong options ours",
        "36,916 train, 540 validation, 540 test",
        "ODC-BY; pictures of third parties",
        "https://huggingface.co/datasets/allenai/pixmo-count",
        "its parquet files",
        pixmo_count.read,
        Hub("allenai/pixmo-count", ("*{split}-*.parquet",)),
        "validation",
    ),
    Published(
        "geometry3k",
        "Geometry3K: diagrams, four values (for training)",
        "2,101 train, 300 validation, 601 test",
        "MIT",
        "https://github.com/lupantech/InterGPS",
        "its parquet files, or folders with data.json",
        geometry3k.read,
        Hub("hiyouga/geometry3k", ("*{split}-*.parquet",)),
        "train",
    ),
    Published(
        "nlvr",
        "NLVR: is the sentence true of drawn boxes?",
        "dev split",
        "CC-BY-4.0",
        "https://github.com/lil-lab/nlvr",
        "dev.json and its images",
        nlvr.read,
        None,
        "dev",
    ),
)
