"""SAT, SAT-2, PixMo-Count, Geometry3K and NLVR in the forms that their authors document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from benchmark_files import gold_texts, skip_reasons, write_json, write_parquet, write_png, write_tar
from tsv_files import png
from unswayed.benchmarks import load
from unswayed.errors import BadInput

STRUCT = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


# ── SAT, SAT-2 ─────────────────────────────────────────────────────────────────────────────────


def test_sat_with_two_pictures_and_splits(tmp_path: Path) -> None:
    row_ = {
        "question": "Did it move?",
        "answers": ["yes", "no"],
        "question_type": "obj_movement",
        "correct_answer": "yes",
    }
    rows = [
        {**row_, "image_bytes": [png(1), png(2)]},
        {**row_, "image_bytes": [png(2)]},
        {**row_, "image_bytes": [png(3)], "correct_answer": "maybe"},
        {**row_, "image_bytes": [png(4)], "answers": ["yes"]},
        {**row_, "image_bytes": []},
    ]
    write_parquet(tmp_path / "SAT_val.parquet", rows)
    write_parquet(tmp_path / "SAT_test.parquet", rows[:1])
    questions = load("sat", data=tmp_path, split="val")
    assert [len(q.images) for q in questions] == [2, 1]
    assert [i.read() for i in questions[0].images] == [png(1), png(2)]
    assert {q.group for q in questions} == {"0"}
    assert set(skip_reasons(questions)) == {"2", "3", "4"}
    assert "no picture" in skip_reasons(questions)["4"]
    assert len(load("sat", data=tmp_path)) == 1
    with pytest.raises(BadInput, match=r"no split 'static'; splits there: test, validation"):
        load("sat", data=tmp_path, split="static")


def test_sat2_is_read_inside_its_tar(tmp_path: Path) -> None:
    problem = (
        "<image>Some words. Question: Which is near? Answer Choices:\n"
        "A. Cup\nB. mug\nAnswer with the text of the option."
    )
    rows: list[Any] = [
        {"problem": problem, "answer": "cup", "images": ["images/1.png"]},
        {"problem": problem, "answer": "mug", "images": ["images/1.png", "images/2.png"]},
        {
            "problem": problem.replace("<image>", "<image><image>"),
            "answer": "mug",
            "image_paths": ["images/1.png", "images/2.png"],
        },
        {"problem": problem, "answer": "mug", "images": ["images/3.png"]},
    ]
    test = [
        {
            "id": "t",
            "image": "images/2.png",
            "conversations": [{"from": "human", "value": problem}, {"from": "gpt", "value": "Cup"}],
        }
    ]
    lines = {
        name: "\n".join(map(json.dumps, value)).encode() for name, value in (("train", rows), ("test", test))
    }
    files = {
        "spatial/vigorl_sat2_train_RL.jsonl": lines["train"],
        "spatial/sat2_test.jsonl": lines["test"],
        "spatial/images/1.png": png(1),
        "spatial/images/2.png": png(2),
    }
    path = write_tar(tmp_path / "spatial_reasoning.tar", files)
    for data in (path, tmp_path):
        questions = load("sat2-32k", data=data)
        assert gold_texts(questions) == {"train-0": "Cup", "train-2": "mug"}
        assert questions[0].text == "Which is near?"
        assert [i.read() for i in questions[1].images] == [png(1), png(2)]
        assert "marks 1 pictures" in skip_reasons(questions)["1"]
        assert "3.png" in skip_reasons(questions)["3"]
        assert gold_texts(load("sat2-32k", data=data, split="test")) == {"test-0": "Cup"}
    with pytest.raises(BadInput, match="no split 'dev'"):
        load("sat2-32k", data=path, split="dev")


# ── PixMo-Count, Geometry3K, NLVR ──────────────────────────────────────────────────────────────


def test_pixmo_count_makes_its_own_options_and_groups_by_address(tmp_path: Path) -> None:
    rows = [
        {
            "image_url": f"http://example.invalid/{k // 2}.jpg",
            "image_sha256": f"{k // 2:064x}",
            "count": k % 11,
            "label": "people",
        }
        for k in range(60)
    ]
    rows.append({**rows[0], "label": ""})
    write_parquet(tmp_path / "data" / "validation-00000-of-00001.parquet", rows)
    write_png(tmp_path / "pictures" / f"{0:064x}.png", 5)
    questions = load("pixmo-count", data=tmp_path)
    assert len(questions) == 60
    assert questions[4].text == "How many people are in the image?"
    assert all(q.options[q.gold] == str(q.meta["count"]) and len(q.options) == 4 for q in questions)
    assert {q.gold for q in questions} == {0, 1, 2, 3}
    assert len({q.group for q in questions}) == 30
    assert questions[0].images[0].read() == png(5)
    assert questions[0].meta["points"] is None
    assert "what is counted" in skip_reasons(questions)["60"]


def test_geometry3k_warts(tmp_path: Path) -> None:
    row_ = {
        "images": [{"bytes": png(1), "path": None}],
        "problem": "<image>Find x.",
        "choices": ["5", r"5 \sqrt { 3 }"],
        "ground_truth": "B",
    }
    rows = [
        {**row_, "id": "1", "answer": r"5\sqrt{3}"},
        {**row_, "id": "2", "answer": "5"},
    ]
    write_parquet(tmp_path / "new" / "data" / "train-00000-of-00001.parquet", rows)
    questions = load("geometry3k", data=tmp_path / "new")
    assert gold_texts(questions) == {"1": r"5 \sqrt { 3 }"}
    assert questions[0].text == "Find x."
    assert "disagree" in skip_reasons(questions)["2"]
    old = [{k: v for k, v in r.items() if k in ("images", "problem", "answer")} for r in rows]
    write_parquet(tmp_path / "old" / "train-00000-of-00001.parquet", old)
    with pytest.raises(BadInput, match=r"older revision .* no choices"):
        load("geometry3k", data=tmp_path / "old")


def test_nlvr_rows_without_a_label_or_picture_are_left_out(tmp_path: Path) -> None:
    rows = [
        {"identifier": "1-0", "directory": "3", "sentence": "There is a box.", "label": "true"},
        {"identifier": "1-1", "directory": "3", "sentence": "There is a box.", "label": "false"},
        {"identifier": "2-0", "directory": "3", "sentence": "There is a box."},
        {"identifier": "3-0", "directory": "3", "sentence": "There is a box.", "label": "true"},
    ]
    write_json(tmp_path / "dev.json", rows, lines=True)
    for name in ("1-0", "1-1", "2-0"):
        write_png(tmp_path / "images" / "3" / f"dev-{name}-0.png")
    questions = load("nlvr", data=tmp_path)
    assert gold_texts(questions) == {"1-0": "true", "1-1": "false"}
    assert {q.group for q in questions} == {"1-0"}
    assert set(skip_reasons(questions)) == {"2-0", "3-0"}
