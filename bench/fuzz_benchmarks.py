"""Loads mutated benchmark files: whatever a file holds, `load` returns questions or raises an
`UnswayedError`.

Every published form that is text (JSON, JSON lines, TSV) is mutated: fields removed or replaced by values of
other types, texts and bytes cut and spliced. Prints the number of files and of loads that gave questions, and
the traceback of every new kind of crash; exits with 1 if there was one.

    python bench/fuzz_benchmarks.py [--seconds 20] [--seed 0]
"""

from __future__ import annotations

import argparse
import base64
import copy
import io
import json
import random
import shutil
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

from PIL import Image

from unswayed.benchmarks import load
from unswayed.errors import UnswayedError

FORMS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("nlvr", "dev.json", {"identifier": "1-0", "directory": "3", "sentence": "s", "label": "true"}),
    (
        "vstar",
        "test_questions.jsonl",
        {"image": "a.png", "text": "Colour?\n(A) red\n(B) blue", "label": "A", "question_id": "1"},
    ),
    (
        "mme-realworld-lite",
        "a.json",
        {
            "Question_id": "1",
            "Image": "a.png",
            "Text": "How many?",
            "Answer choices": ["(A) 1", "(B) 2"],
            "Ground truth": "B",
            "Category": "c",
        },
    ),
    (
        "spatial-mm-one-obj",
        "spatial_mm_one_obj.json",
        {"image_name": "a.png", "question": "Where?\nA. left\nB. right", "answer": "A. left"},
    ),
    (
        "spatial-mm-multihop",
        "multihop_reasoning_309.json",
        {"image_name": "a.png", "question": "Is it red?", "answer": "yes", "hop": 3},
    ),
    (
        "sat2-32k",
        "vigorl_sat2_train_RL.jsonl",
        {"problem": "Where?\nA. left\nB. right", "answer": "left", "images": ["a.png"]},
    ),
    (
        "sat",
        "rows.jsonl",
        {"image": "a.png", "question": "Where?", "answers": ["left", "right"], "correct_answer": "left"},
    ),
    (
        "whatsup-a",
        "controlled_images_dataset.json",
        {"image_path": "data/a.png", "caption_options": ["a on b", "a under b", "a left of b", "c"]},
    ),
)
VALUES: tuple[Any, ...] = (
    *(None, "", 0, 1, -1, 2.5, float("nan"), True, [], {}, ["a"], [None], [["x"]], {"a": 1}, 10**30),
    *(
        "(A)",
        "E",
        "\0",
        "a\nb",
        "(A) x (B) y",
        "../../etc/passwd",
        "[1,2]",
        "['a']",
        "http://[::1",
        "/",
        "..",
    ),
)
COLUMNS = ("index", "question", "hint", *"ABCD", "answer", "category", "image", "image_path", "split")
SPLICES = (b'"', b"\t", b"\n", b"\r", b"\xff", b"[", b"\0", b"nan", b"E", b"\xef\xbb\xbf", b"")


def mutate(value: Any, rng: random.Random) -> Any:
    """`value` with one part of it removed, replaced or spliced."""
    choice = rng.random()
    if isinstance(value, dict) and value and choice < 0.8:
        key = rng.choice(list(value))
        rest = {k: v for k, v in value.items() if k != key}
        return rest if rng.random() < 0.2 else {**rest, key: mutate(value[key], rng)}
    if isinstance(value, list) and value and choice < 0.5:
        at = rng.randrange(len(value))
        return [mutate(item, rng) if k == at else item for k, item in enumerate(value)]
    if isinstance(value, str) and value and choice < 0.4:
        at = rng.randrange(len(value))
        return (
            value[:at] + rng.choice(["", "(A)", "\n", '"', "B.", "?", "'"]) + value[at + rng.randrange(3) :]
        )
    return copy.deepcopy(rng.choice(VALUES))


def write_json(folder: Path, image: bytes, rng: random.Random) -> tuple[str, Path]:
    """One of the JSON forms with a few mutations; returns its benchmark and the folder."""
    name, file, row = rng.choice(FORMS)
    rows: list[Any] = [copy.deepcopy(row) for _ in range(rng.randint(1, 3))]
    for number, item in enumerate(rows):
        if "identifier" in item:
            item["identifier"] = f"{number}-0"
    for _ in range(rng.randint(0, 3)):
        at = rng.randrange(len(rows))
        rows[at] = mutate(rows[at], rng)
    (folder / "a.png").write_bytes(image)
    (folder / "3").mkdir()
    (folder / "3" / "dev-0-0-0.png").write_bytes(image)
    lines = file.endswith("jsonl") or rng.random() < 0.3
    (folder / file).write_text("\n".join(map(json.dumps, rows)) if lines else json.dumps(rows))
    return name, folder


def write_tsv(folder: Path, image: bytes, rng: random.Random) -> tuple[Path, None]:
    """A TSV file with a few bytes cut and spliced."""
    cells = {"question": "What?", "A": "cat", "B": "dog", "answer": "A"}
    picture = base64.b64encode(image).decode()
    rows = [{**cells, "index": str(k), "image": picture} for k in range(3)]
    lines = ["\t".join(COLUMNS), *("\t".join(row.get(c, "") for c in COLUMNS) for row in rows)]
    data = "\n".join(lines).encode()
    for _ in range(rng.randint(0, 6)):
        at = rng.randrange(len(data))
        data = data[:at] + rng.choice(SPLICES) + data[at + rng.randrange(4) :]
    path = folder / "made.tsv"
    path.write_bytes(data)
    return path, None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = random.Random(arguments.seed)
    out = io.BytesIO()
    Image.frombytes("RGB", (12, 9), rng.randbytes(12 * 9 * 3)).save(out, "PNG")
    image = out.getvalue()
    end = time.monotonic() + arguments.seconds
    files, loaded = 0, 0
    crashes: set[str] = set()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "data"
        while time.monotonic() < end:
            files += 1
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            write = write_json if rng.random() < 0.6 else write_tsv
            source, data = write(folder, image, rng)
            try:
                questions = load(source, data=data)
                loaded += 1
                for question in questions:
                    for picture in question.images:
                        picture.read()
            except UnswayedError:
                continue
            except Exception:  # any other error is what is looked for
                kind = "".join(traceback.format_exc(limit=-3).splitlines()[-3:])
                if kind not in crashes:
                    crashes.add(kind)
                    traceback.print_exc()
    print(
        f"{files:,} files, {loaded:,} gave questions, {len(crashes)} kinds of crash (seed {arguments.seed})"
    )
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
