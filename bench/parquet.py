"""How long from parquet files with pictures to questions ready to be asked, and in how much memory?

Makes MMBench's hub form (4,329 rows with a picture each) and SAT's (all pictures in one row group) in
a temporary folder, then loads each in a process of its own, and reads the first picture and the
last. Targets: 10 seconds and 1 GB for MMBench.

    python bench/parquet.py [--rows 4329] [--kilobytes 90]
"""

from __future__ import annotations

import argparse
import io
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from unswayed import images
from unswayed.benchmarks import load

CHUNK = 200


def picture(rng: random.Random, kilobytes: int) -> bytes:
    """A JPEG of about this size: what stands behind its end is ignored, so it may as well be noise."""
    out = io.BytesIO()
    Image.frombytes("RGB", (64, 64), rng.randbytes(64 * 64 * 3)).save(out, "JPEG")
    return out.getvalue() + rng.randbytes(max(0, kilobytes * 1000 - len(out.getvalue())))


def mmbench(path: Path, rows: int, kilobytes: int) -> None:
    """Each row with a picture of its own: the most that there can be to read."""
    rng = random.Random(0)
    text = {"question": "Q?", "hint": None, "A": "red", "B": "blue", "C": "green", "D": "nan", "answer": "B"}
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("index", pa.int64()), *((name, pa.string()) for name in (*text, "category")), ("image", kind)]
    )
    path.parent.mkdir(parents=True)
    with pq.ParquetWriter(path, schema, compression="none") as writer:
        for start in range(0, rows, CHUNK):
            part = [
                {**text, "index": k, "category": "leaf", "image": {"bytes": picture(rng, kilobytes)}}
                for k in range(start, min(start + CHUNK, rows))
            ]
            writer.write_table(pa.Table.from_pylist(part, schema=schema))


def sat(path: Path, rows: int, kilobytes: int) -> None:
    """One row group for all."""
    rng = random.Random(0)
    text = {"question": "Q?", "question_type": "other", "correct_answer": "b"}
    part = [{**text, "answers": ["a", "b"], "image_bytes": [picture(rng, kilobytes)]} for _ in range(rows)]
    table = pa.Table.from_pylist(part)
    pq.write_table(table, path, compression="none", use_dictionary=False, row_group_size=rows)


def measure(name: str, path: Path) -> None:
    """Load `path` in this process and say what it took."""
    before = _peak()
    start = time.perf_counter()
    questions = load(name, data=path)
    ready = time.perf_counter() - start
    for at in (0, len(questions) - 1):
        images.check(questions[at].images[0].read(), "made")
    files = [path] if path.is_file() else list(path.rglob("*.parquet"))
    size = sum(file.stat().st_size for file in files) / 1e6
    print(
        f"{name}: {len(questions)} questions from {size:.0f} MB ready in {ready:.1f} s; two pictures read "
        f"after {time.perf_counter() - start:.1f} s; peak {_peak():.0f} MB, {before:.0f} MB before loading"
    )


def _peak() -> float:
    """Megabytes. Not `ru_maxrss`: that begins with what the process that started this one had."""
    (line,) = (x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the loading of benchmarks in parquet files.")
    parser.add_argument("--rows", type=int, default=4329)
    parser.add_argument("--kilobytes", type=int, default=90, help="size of each picture")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure[0], Path(given.measure[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        made = {
            "mmbench-en": Path(folder) / "en" / "dev-00000-of-00001.parquet",
            "sat": Path(folder) / "SAT_test.parquet",
        }
        for name, make in (("mmbench-en", mmbench), ("sat", sat)):
            make(made[name], given.rows, given.kilobytes)
            subprocess.run([sys.executable, __file__, "--measure", name, str(made[name])], check=True)
            made[name].unlink()


if __name__ == "__main__":
    main()
