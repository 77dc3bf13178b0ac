"""How long from an MMBench-sized TSV file to questions ready to be asked, and in how much memory?

Makes a file of 4,329 rows with a picture each (about half a gigabyte) in a temporary folder, then
loads it in a process of its own and reads one picture. Prints seconds and the peak of resident memory.

    python bench/tsv.py [--rows 4329] [--kilobytes 90] [--gzip]
"""

from __future__ import annotations

import argparse
import base64
import csv
import gzip
import io
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from unswayed import images
from unswayed.benchmarks import load


def make(path: Path, rows: int, kilobytes: int, packed: bool) -> None:
    """A file of `rows` questions, each with a different JPEG of about `kilobytes`."""
    rng = random.Random(0)
    out = io.BytesIO()
    Image.frombytes("RGB", (64, 64), rng.randbytes(64 * 64 * 3)).save(out, "JPEG")
    opener = gzip.open if packed else open
    with opener(path, "wt", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, dialect="excel-tab", lineterminator="\n")
        writer.writerow(
            ["index", "question", "hint", *"ABCD", "answer", "category", "image", "l2-category", "split"]
        )
        for index in range(rows):
            # What stands behind a JPEG's end is ignored, so it may as well be noise.
            picture = out.getvalue() + rng.randbytes(kilobytes * 1000 - len(out.getvalue()))
            cell = base64.b64encode(picture).decode()
            text = f'Question {index},\nwith a line end and a "quote"?'
            writer.writerow(
                [index, text, "", "red", "blue", "green", "", "ABC"[index % 3], "leaf", cell, "branch", "dev"]
            )


def measure(path: Path) -> None:
    """Load `path` in this process and say what it took."""
    before = _peak()
    start = time.perf_counter()
    questions = load(path)
    image = questions[len(questions) // 2].images[0]
    images.check(image.read(), image.name)
    seconds = time.perf_counter() - start
    size = path.stat().st_size / 1e6
    print(
        f"{len(questions)} questions from {size:.0f} MB in {seconds:.1f} s; "
        f"peak memory {_peak():.0f} MB, of which {before:.0f} MB before loading"
    )


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the loading of an MMBench-sized TSV file.")
    parser.add_argument("--rows", type=int, default=4329)
    parser.add_argument("--kilobytes", type=int, default=90, help="size of each picture")
    parser.add_argument("--gzip", action="store_true")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        measure(given.measure)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ("made.tsv.gz" if given.gzip else "made.tsv")
        make(path, given.rows, given.kilobytes, given.gzip)
        subprocess.run([sys.executable, __file__, "--measure", str(path)], check=True)


if __name__ == "__main__":
    main()
