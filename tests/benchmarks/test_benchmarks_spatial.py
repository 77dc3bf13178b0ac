"""3DSRBench, CV-Bench, Spatial-MM and WhatsUp in the forms that their authors document."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmark_files import (
    gold_texts,
    halves,
    skip_reasons,
    write_json,
    write_parquet,
    write_png,
    write_tar,
    write_zip,
)
from tsv_files import b64, png, row, write
from unswayed import images
from unswayed.benchmarks import load

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


# ── 3DSRBench ──────────────────────────────────────────────────────────────────────────────────


def dsr_rows() -> list[dict[str, Any]]:
    base = {"question": "Which side?", "A": "left", "B": "right", "C": None, "D": None}
    url = "http://images.cocodataset.org/train2017/000000000001.jpg"
    return [
        {**base, "index": "AAAAAAAA", "answer": "A", "category": "orientation_on_the_left", "image_url": url},
        {
            **base,
            "index": "AAAAAAAA-flip",
            "answer": "B",
            "category": "orientation_on_the_left",
            "image_url": url,
        },
    ]


def test_3dsrbench_mirrors_the_picture_of_a_flip_row(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x.parquet", dsr_rows())
    write_zip(tmp_path / "coco_images.zip", {"train2017/000000000001.jpg": halves("red", "blue")})
    base, flip = load("3dsrbench", data=tmp_path)
    assert (base.group, flip.group) == ("AAAAAAAA", "AAAAAAAA")
    assert (base.source.mirrored, flip.source.mirrored) == (False, True)
    assert (base.gold, flip.gold) == (0, 1)
    plain, turned = (images.open_rgb(q.images[0].read()) for q in (base, flip))
    assert plain.getpixel((0, 0)) == turned.getpixel((19, 0)) == (255, 0, 0)
    assert plain.getpixel((19, 0)) == turned.getpixel((0, 0)) == (0, 0, 255)


@pytest.mark.parametrize("mirrored", [True, False])
def test_3dsrbench_tsv_is_mirrored_only_where_it_is_not_yet(tmp_path: Path, mirrored: bool) -> None:
    own = halves("blue", "red") if mirrored else halves("red", "blue")
    rows = [
        row("AAAAAAAA", image=b64(halves("red", "blue"))),
        row("AAAAAAAA-flip", image=b64(own)),
        row("AAAAAAAA-1", image=b64(halves("red", "blue")), A="dog", B="cat", answer="B"),
    ]
    write(tmp_path / "3DSRBench.tsv", rows)
    base, flip, rolled = load("3dsrbench", data=tmp_path)
    assert images.open_rgb(flip.images[0].read()).getpixel((0, 0)) == (0, 0, 255)
    assert images.open_rgb(base.images[0].read()).getpixel((0, 0)) == (255, 0, 0)
    assert (rolled.source.rotation, rolled.source.base, rolled.group) == (1, "AAAAAAAA", "AAAAAAAA")
    assert rolled.options[rolled.gold] == base.options[base.gold]


# ── CV-Bench ───────────────────────────────────────────────────────────────────────────────────


def test_cvbench_pictures_embedded_or_loose(tmp_path: Path) -> None:
    fields = {
        "type": "2D",
        "task": "Count",
        "source": "COCO",
        "prompt": "no",
        "question": "How many? Select from the following choices.",
    }
    rows = [
        {
            **fields,
            "idx": 0,
            "choices": list("123456"),
            "answer": "(F)",
            "image": {"bytes": png(1), "path": None},
            "filename": "a.png",
        },
        {
            **fields,
            "idx": 1,
            "choices": ["nan", "None"],
            "answer": "(A)",
            "image": None,
            "filename": "img/2D/count/b.png",
        },
        {
            **fields,
            "idx": 2,
            "choices": ["1", "2"],
            "answer": "(C)",
            "image": {"bytes": png(1), "path": None},
            "filename": "c.png",
        },
        {
            **fields,
            "idx": 3,
            "choices": ["1", "2"],
            "answer": "(B)",
            "image": {"bytes": png(1), "path": None},
            "filename": "d.png",
        },
        {
            **fields,
            "idx": 4,
            "choices": ["1", "1"],
            "answer": "(B)",
            "image": {"bytes": png(1), "path": None},
            "filename": "e.png",
        },
    ]
    schema = pa.schema(
        [("idx", pa.int64()), ("image", STRUCT), ("choices", pa.list_(pa.string()))]
        + [(k, pa.string()) for k in (*fields, "answer", "filename")]
    )
    write_parquet(tmp_path / "test_2d.parquet", rows, schema)
    write_png(tmp_path / "img" / "2D" / "count" / "b.png", 2)
    questions = load("cvbench", data=tmp_path)
    assert gold_texts(questions) == {"0": "6", "1": "nan", "3": "2"}
    assert [q.images[0].read() for q in questions] == [png(1), png(2), png(1)]
    assert [q.group for q in questions] == ["0", "1", "0"]
    assert {q.text for q in questions} == {"How many?"}
    assert "not the letter" in skip_reasons(questions)["2"]
    assert "twice" in skip_reasons(questions)["4"]


def test_cvbench_tsv_files_of_both_halves(tmp_path: Path) -> None:
    for half in ("2D", "3D"):
        write(tmp_path / f"CV-Bench-{half}.tsv", [row(0), row(1)])
    assert len({q.uid for q in load("cvbench", data=tmp_path)}) == 4
    assert [q.uid for q in load("cvbench-3d", data=tmp_path)] == ["0", "1"]


# ── Spatial-MM ─────────────────────────────────────────────────────────────────────────────────


def obj(question: str, answer: str, image: str = "a.jpg") -> dict[str, str]:
    return {"image_name": image, "question": question, "answer": answer, "object1": "x", "object2": ""}


def test_spatial_mm_obj(tmp_path: Path) -> None:
    four = "From the man's perspective, where?\nA. left\nB. right\nC. behind\nD. upwards"
    one = [
        obj(four, "D. upwards"),
        obj(four, "A. right"),
        obj("Where?\nA. left\nB. right\nC. left\nD. up", "B. right"),
        obj("Where?\nA. left\nB. right", "B. right", "b.png"),
        obj("Where?\nA. left\nB. right", "B. right", "gone.png"),
    ]
    write_json(tmp_path / "data" / "spatial_mm_one_obj.json", one)
    write_json(tmp_path / "data" / "spatial_mm_two_obj.json", [obj("Where?\nA. left\nB. right", "A. left")])
    write_png(tmp_path / "images" / "a.jpg", 1)
    write_png(tmp_path / "images" / "b.jpg", 2)
    questions = load("spatial-mm-obj", data=tmp_path)
    assert gold_texts(questions) == {"one-obj-0": "upwards", "one-obj-3": "right", "two-obj-0": "left"}
    groups = {q.uid: q.group for q in questions}
    assert groups["two-obj-0"] == groups["one-obj-0"] != groups["one-obj-3"]
    assert [q.meta["perspective"] for q in questions] == ["person", "camera", "camera"]
    assert questions[1].images[0].read() == png(2)
    assert "letter and words of its answer disagree" in skip_reasons(questions)["one-obj-1"]
    assert "twice" in skip_reasons(questions)["one-obj-2"]
    assert "gone.png" in skip_reasons(questions)["one-obj-4"]
    assert len(load("spatial-mm-two-obj", data=tmp_path)) == 1


def test_spatial_mm_multihop_gets_wrong_options_only_where_they_come_by_themselves(tmp_path: Path) -> None:
    golds = ["no", "Left", "red", "blue", "green", "grey", "3", "behind", "behind", "umbrella"]
    questions = ["Q?"] * 7 + ["Is it in front of or behind?", "Is it to the front or behind?", "Q?"]
    rows = [
        {"image_name": "a.jpg", "question": q, "answer": a, "reasoning": "{[x],[y]}", "hop": 3}
        for q, a in zip(questions, golds, strict=True)
    ]
    write_json(tmp_path / "multihop_reasoning_309.json", rows)
    write_png(tmp_path / "a.jpg")
    questions = load("spatial-mm-multihop", data=tmp_path)
    assert list(gold_texts(questions).values()) == golds[:-1]
    assert set(questions[0].options) == {"yes", "no"}
    assert set(questions[1].options) == {"Left", "Right"}
    assert set(questions[2].options) <= {"red", "blue", "green", "grey"}
    assert [q.family for q in questions] == [
        "yes-no",
        "direction",
        *["colour"] * 4,
        "count",
        "direction",
        "direction",
    ]
    assert set(questions[7].options) == {"in front of", "behind"}
    assert all(q.meta["distractors"] for q in questions)
    assert "open-ended" in skip_reasons(questions)["multihop-9"]
    assert len({q.group for q in questions}) == 1


# ── WhatsUp ────────────────────────────────────────────────────────────────────────────────────


def whatsup_set(a: str, b: str) -> list[dict[str, Any]]:
    words = {"on": "on", "under": "under", "left_of": "to the left of", "right_of": "to the right of"}
    captions = {k: f"A {a} {w} a {b}" for k, w in words.items()}
    return [
        {
            "image_path": f"data/controlled_images/{a}_{k}_{b}.jpeg",
            "caption_options": [c, *(o for o in captions.values() if o != c)],
        }
        for k, c in captions.items()
    ]


def test_whatsup_known_errors_are_left_out_and_names_stay_hidden(tmp_path: Path) -> None:
    rows = whatsup_set("pillow", "chair") + whatsup_set("cup", "left-over")
    files = {r["image_path"].removeprefix("data/"): png(k) for k, r in enumerate(rows)}
    write_json(tmp_path / "controlled_images_dataset.json", rows)
    write_tar(tmp_path / "controlled_images.tar.gz", files, "w:gz")
    questions = load("whatsup-a", data=tmp_path)
    assert [q.uid for q in questions] == ["0", "1", "4", "5", "6", "7"]
    assert set(skip_reasons(questions)) == {"2", "3"}
    assert [q.family for q in questions] == ["on-under"] * 4 + ["left-right"] * 2
    assert all(q.meta["order"] for q in questions)


def test_a_missing_picture_of_whatsup_is_left_out_without_its_telling_name(tmp_path: Path) -> None:
    rows = whatsup_set("cup", "chair")
    write_json(tmp_path / "controlled_images_dataset.json", rows)
    write_png(tmp_path / rows[0]["image_path"])
    questions = load("whatsup-a", data=tmp_path)
    assert len(questions) == 1
    assert not any("left" in reason or "under" in reason for reason in skip_reasons(questions).values())


@pytest.mark.parametrize(
    ("name", "file", "picture", "image"),
    [
        ("whatsup-coco-one", "coco_qa_one_obj.json", "val2017/000000000042.jpg", 42),
        ("whatsup-vg-two", "vg_qa_two_obj.json", "vg_images/42.jpg", "42"),
    ],
)
def test_whatsup_lists(tmp_path: Path, name: str, file: str, picture: str, image: Any) -> None:
    rows = [[image, f"A dog {k} on the left", f"A dog {k} on the right"] for k in range(40)]
    write_json(tmp_path / file, rows)
    write_png(tmp_path / picture)
    questions = load(name, data=tmp_path)
    assert [q.options[q.gold] for q in questions] == [r[1] for r in rows]
    assert 8 < Counter(q.gold for q in questions)[0] < 32
    assert {q.group for q in questions} == {"0"}
    assert {q.family for q in questions} == {"left-right"}
