"""Published rows as questions, without pictures: enough to write cues for. Read here, not by the loaders."""

from __future__ import annotations

import csv
import json

import pyarrow.parquet as pq

from published import published
from unswayed.question import LETTERS, Question


def threedsr() -> list[Question]:
    rows = pq.read_table(published("3dsrbench/hub_schema/3dsrbench_rows.parquet")).to_pylist()
    questions = []
    for row in rows:
        options = tuple(row[letter] for letter in "ABCD" if row[letter] is not None)
        gold = LETTERS.index(row["answer"])
        questions.append(
            Question(row["index"], "3dsrbench", row["question"], options, gold, family=row["category"])
        )
    return questions


def cvbench() -> list[Question]:
    questions = []
    for part in ("2d", "3d"):
        for row in pq.read_table(published(f"cvbench/hub_schema/test_{part}.parquet")).to_pylist():
            gold = LETTERS.index(row["answer"].strip("()"))
            options = tuple(row["choices"])
            questions.append(
                Question(str(row["idx"]), "cvbench", row["question"], options, gold, family=row["task"])
            )
    return questions


def whatsup() -> list[Question]:
    questions = []
    for name in ("controlled_images", "controlled_clevr"):
        rows = json.loads((published(f"whatsup/data/{name}_dataset.json")).read_text())
        for n, row in enumerate(rows):
            options = tuple(row["caption_options"])
            asked = "Which caption describes the image?"
            questions.append(Question(f"{name}-{n}", "whatsup", asked, options, 0, family=name))
    return questions


def sat() -> list[Question]:
    lines = (published("sat/figure_rows.jsonl")).read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Question(
            str(n), "sat", row["question"], tuple(row["answers"]), row["answers"].index(row["correct_answer"])
        )
        for n, row in enumerate(rows)
    ]


def mmbench() -> list[Question]:
    csv.field_size_limit(10**9)
    with (published("mmbench/mmbench_sample_en.tsv")).open(newline="") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [
        Question(
            row["index"],
            "mmbench",
            row["question"],
            tuple(row[letter] for letter in "ABCD" if row[letter]),
            LETTERS.index(row["answer"]),
        )
        for row in rows
    ]


def geometry3k() -> list[Question]:
    rows = pq.read_table(published("geometry3k/hub_schema/train-00000-of-00001.parquet")).to_pylist()
    return [
        Question(
            str(n),
            "geometry3k",
            row["problem"].removeprefix("<image>"),
            tuple(row["choices"]),
            LETTERS.index(row["ground_truth"]),
        )
        for n, row in enumerate(rows)
        if row.get("choices")
    ]


ALL = (threedsr, cvbench, whatsup, sat, mmbench, geometry3k)
