"""Files of benchmarks for tests, in the forms in which their authors publish them."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image as PILImage

from tsv_files import png
from unswayed.benchmarks import Questions


def write_json(path: Path, value: object, lines: bool = False) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "\n".join(map(json.dumps, value)) if lines and isinstance(value, list) else json.dumps(value)
    path.write_text(text, encoding="utf-8")
    return path


def write_parquet(
    path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema | None = None, group: int | None = None
) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema), path, row_group_size=group)
    return path


def write_png(path: Path, shade: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(png(shade))
    return path


def write_tar(path: Path, files: Mapping[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def write_zip(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def in_hub_cache(cache: Path, repo: str, files: Mapping[str, bytes], commit: str = "f" * 40) -> Path:
    """The hub's cache as its client leaves it: refs, blobs, and a snapshot of links to blobs."""
    home = cache / f"datasets--{repo.replace('/', '--')}"
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text(commit)
    (home / "blobs").mkdir(exist_ok=True)
    for number, (name, data) in enumerate(files.items()):
        blob = home / "blobs" / f"{number:040x}"
        blob.write_bytes(data)
        link = home / "snapshots" / commit / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    return home / "snapshots" / commit


def halves(left: str = "red", right: str = "blue", size: tuple[int, int] = (20, 10)) -> bytes:
    """A picture whose left and right half have different colours."""
    picture = PILImage.new("RGB", size, left)
    picture.paste(right, (size[0] // 2, 0, *size))
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


def gold_texts(questions: Questions) -> dict[str, str]:
    """Texts of the right options by uid."""
    return {q.uid: q.options[q.gold] for q in questions}


def skip_reasons(questions: Questions) -> dict[str, str]:
    """Why rows were left out, by uid."""
    return {s.uid: s.reason for s in questions.skipped}
