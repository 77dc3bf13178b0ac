"""TSV files for tests: rows as dictionaries, written as VLMEvalKit writes them."""

from __future__ import annotations

import base64
import csv
import io
import random
import zlib
from pathlib import Path
from typing import Any

from PIL import Image as PILImage

from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.readers import vlmevalkit
from unswayed.question import Question

COLUMNS = ["index", "question", "hint", *"ABCD", "answer", "category", "image", "l2-category", "split"]


def png(shade: int = 0, size: tuple[int, int] = (40, 30)) -> bytes:
    rng = random.Random(shade)
    out = io.BytesIO()
    PILImage.frombytes("RGB", size, rng.randbytes(3 * size[0] * size[1])).save(out, "PNG")
    return out.getvalue()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def row(index: object = 1, **cells: str) -> dict[str, str]:
    usual = {"question": "What is it?", "A": "cat", "B": "dog", "answer": "A"}
    return {**usual, "image": b64(png(zlib.crc32(str(index).encode()))), "index": str(index), **cells}


def write(path: Path, rows: list[dict[str, str]], columns: list[str] | None = None, **how: str) -> Path:
    with path.open("w", newline="", encoding=how.pop("encoding", "utf-8")) as file:
        columns = columns or [*COLUMNS, *sorted({c for r in rows for c in r} - set(COLUMNS))]
        how.setdefault("lineterminator", "\n")
        writer = csv.DictWriter(file, columns, dialect="excel-tab", extrasaction="ignore", **how)
        writer.writeheader()
        writer.writerows(rows)
    return path


def read_tsv(path: Path, **options: Any) -> list[Question]:
    """The questions of a file in VLMEvalKit's form."""
    return list(vlmevalkit.read(TsvTable(path), **options))
