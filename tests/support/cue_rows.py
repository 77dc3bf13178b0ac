"""Published rows as questions, without pictures: enough to write cues for. Read here, not by the loaders."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from unswayed.question import LETTERS, Question

NAMED = "UNSWAYED_BENCHMARK_DATA"


def folder() -> Path:
    """The folder of published rows; skips the test where there is none."""
    where = os.environ.get(NAMED)
    if not where or not Path(where).is_dir():
        pytest.skip(f"set {NAMED} to a folder with rows of the benchmarks")
    return Path(where)


def threedsr() -> list[Question]:
    rows = pq.read_table(folder() / "3dsrbench/hub_schema/3dsrbench_rows.parquet").to_pylist()
    found = []
    for row in rows:
        options = tuple(row[letter] for letter in "ABCD" if row[letter] is not None)
        gold = LETTERS.index(row["answer"])
        found.append(
            Question(row["index"], "3dsrbench", row["question"], options, gold, family=row["category"])
        )
    return found


def cvbench() -> list[Question]:
    found = []
    for part in ("2d", "3d"):
        for row in pq.read_table(folder() / f"cvbench/hub_schema/test_{part}.parquet").to_pylist():
            gold = LETTERS.index(row["answer"].strip("()"))
            options = tuple(row["choices"])
            found.append(
                Question(str(row["idx"]), "cvbench", row["question"], options, gold, family=row["task"])
            )
    return found


def whatsup() -> list[Question]:
    found = []
    for name in ("controlled_images", "controlled_clevr"):
        rows = json.loads((folder() / f"whatsup/data/{name}_dataset.json").read_text())
        for n, row in enumerate(rows):
            options = tuple(row["caption_options"])
            asked = "Which caption describes the image?"
            found.append(Question(f"{name}-{n}", "whatsup", asked, options, 0, family=name))
    return found


def sat() -> list[Question]:
    lines = (folder() / "sat/figure_rows.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    return [
        Question(
            str(n), "sat", row["question"], tuple(row["answers"]), row["answers"].index(row["correct_answer"])
        )
        for n, row in enumerate(rows)
    ]


def mmbench() -> list[Question]:
    csv.field_size_limit(10**9)
    with (folder() / "mmbench/mmbench_sample_en.tsv").open(newline="") as lines:
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
    rows = pq.read_table(folder() / "geometry3k/hub_schema/train-00000-of-00001.parquet").to_pylist()
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
