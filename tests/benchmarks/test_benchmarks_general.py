"""V*Bench, MME-RealWorld-Lite and MMBench in their forms, and what no reader forgives."""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmark_files import gold_texts, write_json, write_parquet, write_png, write_zip
from tsv_files import b64, png, write
from unswayed.benchmarks import load
from unswayed.errors import BadInput
from unswayed.question import Box

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


# ── V*Bench ────────────────────────────────────────────────────────────────────────────────────

GLOVE = (
    "What is it made of?\n(A) rubber\n(B) cotton (dyed)\n"
    "Answer with the option's letter from the given choices directly."
)


def test_vstar_in_its_forms(tmp_path: Path) -> None:
    rows = [
        {
            "image": "direct_attributes/sa_1.jpg",
            "text": GLOVE,
            "category": c,
            "label": "B",
            "question_id": "0",
        }
        for c in ("direct_attributes", "relative_position")
    ]
    write_json(tmp_path / "jsonl" / "test_questions.jsonl", rows, lines=True)
    write_png(tmp_path / "jsonl" / "direct_attributes" / "sa_1.jpg", 1)
    beside = {"bbox": [[5, 6, 7, 8.5], [1, 2, 3, 4]]}
    write_json(tmp_path / "jsonl" / "direct_attributes" / "sa_1.json", beside)
    packed = [{**r, "image": {"bytes": png(1), "path": "sa_1.jpg"}} for r in rows]
    write_parquet(tmp_path / "parquet" / "test-00000-of-00001.parquet", packed)
    for form in ("jsonl", "parquet"):
        questions = load("vstar", data=tmp_path / form)
        assert [(q.text, q.options, q.gold) for q in questions] == [
            ("What is it made of?", ("rubber", "cotton (dyed)"), 1)
        ] * 2
        assert {q.group for q in questions} == {"direct_attributes-0"}
        assert questions[1].images[0].read() == png(1)
        boxes = (Box(5, 6, 7, 8.5), Box(1, 2, 3, 4)) if form == "jsonl" else ()
        assert [q.evidence for q in questions] == [boxes] * 2


def test_vstars_own_json_has_the_right_one_first_and_is_shuffled(tmp_path: Path) -> None:
    options = ["red", "blue", "green", "black"]
    for k in range(30):
        write_json(
            tmp_path / "direct_attributes" / f"sa_{k}.json",
            {"question": "Colour?", "options": options, "bbox": [[1, 2, 3, k]] if k else "none"},
        )
        write_png(tmp_path / "direct_attributes" / f"sa_{k}.jpg", k)
    questions = load("vstar", data=tmp_path)
    assert set(gold_texts(questions).values()) == {"red"}
    assert set(Counter(q.gold for q in questions)) == {0, 1, 2, 3}
    evidence = {q.uid: q.evidence for q in questions}
    assert evidence["direct_attributes-sa_7"] == (Box(1, 2, 3, 7),)
    assert evidence["direct_attributes-sa_0"] == ()


# ── MME-RealWorld-Lite ─────────────────────────────────────────────────────────────────────────

CHOICES = ["(A) 1", "(B)2", "(C) 3 (three)", "(D) 4", "(E) The image does not feature it"]


@pytest.mark.parametrize("form", ["zip", "parquet", "tsv"])
def test_mme_in_its_forms(tmp_path: Path, form: str) -> None:
    common = {"question": "How many?", "answer": "C", "category": "Perception/OCR", "l2-category": "signs"}
    if form == "zip":
        record = {
            "Question_id": "q1",
            "Image": "a.jpg",
            "Text": "How many?",
            "Question type": "MCQ",
            "Answer choices": CHOICES,
            "Ground truth": "C",
            "Category": "Perception/OCR",
            "Subtask": "signs",
            "Task": "Perception",
        }
        other = {**record, "Question_id": "q2", "Image": "gone.jpg"}
        text = json.dumps([record, other]).encode()
        write_zip(tmp_path / "data.zip", {"MME-RealWorld-Lite.json": text, "imgs/a.jpg": png(1)})
    elif form == "parquet":
        page = base64.b64encode(png(1)).decode()
        write_parquet(
            tmp_path / "data" / "train-00000-of-00004.parquet",
            [{**common, "index": 0, "bytes": page, "multi-choice options": CHOICES}],
        )
    else:
        cells = {k: str(v) for k, v in common.items()}
        write(
            tmp_path / "mme_realworld_lite.tsv",
            [{**cells, "index": "0", "image": b64(png(1)), "multi-choice options": str(CHOICES)}],
        )
    (question,) = load("mme-realworld-lite", data=tmp_path)
    assert question.options == ("1", "2", "3 (three)", "4", "The image does not feature it")
    assert (question.gold, question.escape_option, question.family) == (2, 4, "Perception/OCR")
    assert question.images[0].read() == png(1)


# ── MMBench ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("image", ["struct", "base64", "pointer"])
def test_mmbench_of_the_hub(tmp_path: Path, image: str) -> None:
    def cell(first: bool) -> Any:
        if image == "struct":
            return {"bytes": png(1), "path": None}
        return b64(png(1)) if first or image == "base64" else "7"

    base = {
        "question": "Q?",
        "hint": "nan",
        "A": "x",
        "B": "y",
        "C": "z",
        "D": "nan",
        "answer": "A",
        "category": "leaf",
        "L2-category": "logic",
        "split": "dev",
    }
    rows = [
        {**base, "index": 7, "image": cell(True)},
        {**base, "index": 1000007, "A": "y", "B": "z", "C": "x", "answer": "C", "image": cell(False)},
        {**base, "index": 8, "C": "None", "D": None, "answer": "C", "hint": None, "image": cell(True)},
    ]
    write_parquet(tmp_path / "en" / "dev-00000-of-00001.parquet", rows)
    write_parquet(tmp_path / "cn" / "dev-00000-of-00001.parquet", rows[:1])
    questions = load("mmbench-en", data=tmp_path)
    assert gold_texts(questions) == {"7": "x", "1000007": "x", "8": "None"}
    assert [len(q.options) for q in questions] == [3, 3, 3]
    assert [q.hint for q in questions] == [""] * 3
    assert [q.source.rotation for q in questions] == [0, 1, 0]
    assert [q.group for q in questions] == ["7", "7", "7"], "they share a picture"
    assert {q.images[0].read() for q in questions} == {png(1)}
    assert len(load("mmbench-cn", data=tmp_path)) == 1


@pytest.mark.parametrize("hidden", ["", None])
def test_mmbenchs_test_split_is_hidden(tmp_path: Path, hidden: Any) -> None:
    rows = [{"index": 1, "question": "Q?", "A": "x", "B": "y", "answer": hidden, "image": b64(png(1))}]
    schema = pa.schema(
        [("index", pa.int64()), *((k, pa.string()) for k in ("question", "A", "B", "answer", "image"))]
    )
    write_parquet(tmp_path / "en" / "test-00000-of-00001.parquet", rows, schema)
    with pytest.raises(BadInput, match=r"answers are hidden.*dev"):
        load("mmbench-en", data=tmp_path, split="test")


# ── What no reader forgives ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name",
    [
        "3dsrbench",
        "cvbench",
        "sat",
        "geometry3k",
        "nlvr",
        "vstar",
        "mme-realworld-lite",
        "pixmo-count",
        "sat2-32k",
        "whatsup-a",
        "spatial-mm-multihop",
        "mmbench-cn",
    ],
)
def test_an_empty_folder_is_refused_with_the_name_of_what_is_missing(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match=rf"cannot read .* as {name}: it holds no "):
        load(name, data=tmp_path)


@pytest.mark.parametrize(
    ("name", "file", "text", "words"),
    [
        ("nlvr", "dev.json", '{"label": "true"}', r"dev\.json row 1: no field"),
        ("nlvr", "dev.json", "[1, 2]", r"row 1: an object with names is needed"),
        ("nlvr", "dev.json", '{"a": 1}\n{"b"', r"dev\.json line 2 is no JSON"),
        ("nlvr", "dev.json", "[" * 100_000, r"dev\.json"),
        (
            "whatsup-a",
            "controlled_images_dataset.json",
            '[{"image_path": "x"}]',
            r"no field 'caption_options'",
        ),
        ("whatsup-coco-one", "coco_qa_one_obj.json", "[[]]", r"row 1 cannot be understood"),
        ("sat", "SAT_test.parquet", "PAR1", r"cannot read .*SAT_test\.parquet as parquet"),
    ],
)
def test_a_file_that_cannot_be_right_is_named(
    tmp_path: Path, name: str, file: str, text: str, words: str
) -> None:
    (tmp_path / file).write_text(text)
    with pytest.raises(BadInput, match=words):
        load(name, data=tmp_path)
