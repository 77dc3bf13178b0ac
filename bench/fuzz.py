"""Fuzzes what reads foreign text: answers, thoughts, TSV, JSON, shards, manifests, votes, labels, runs.

Each target may raise an error that the user sees (`UnswayedError`) or return; any other exception, more than
`SLOW` seconds of CPU for an input of at most `LONGEST` bytes, or more than `MEMORY` bytes is a crash. Prints
the number of inputs per target and every new kind of crash with its input; exits with 1 if there was one.

    python bench/fuzz.py --seconds 60                       our own mutations of a corpus
    python bench/fuzz.py --inputs 10000000                  until ten million inputs were read
    python bench/fuzz.py --engine atheris --target answers  guided by coverage (pip install atheris)
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from unswayed.answers.letter_probs import letter_prefill
from unswayed.answers.parser import read
from unswayed.benchmarks.files import tsv_scan
from unswayed.benchmarks.files.json_rows import read_object, read_objects
from unswayed.benchmarks.files.local import FileEntry
from unswayed.benchmarks.files.tsv import TsvTable
from unswayed.benchmarks.files.tsv_images import decode_base64
from unswayed.errors import UnswayedError
from unswayed.judges.scenes import conclude as conclude_scene
from unswayed.judges.text_rules import conclude
from unswayed.review.labels import read_labels
from unswayed.scenes.questions import load as load_scenes
from unswayed.scenes.questions import truth
from unswayed.store import checksummed_lines, load, manifest, shards
from unswayed.store.verdicts import read_votes
from unswayed.trial import Trial

SLOW, LONGEST, MEMORY = 1.0, 4096, 6 * 2**30
OPTIONS = ("red", "blue", "on the table", "3", "I'm not sure")
SCENE = next(iter(load_scenes("dev", 1)))
TEXTS = (
    b"<think>It is to the left. So the answer is (A).</think><answer>(A) red</answer>",
    b"<think>The caption says blue, but I see red.\nWait, maybe (B)?</think>\n<answer>B</answer>",
    b"[THINK]x[/THINK]\\boxed{\\text{C}} **Final answer:** 3. I'm sorry, but I cannot help with that.",
    "\u601d\u8003\uff1a\u7b54\u6848\u662f (B)\u3002<answer>\uff22</answer>".encode(),
    b"There are two red things. So there are three. <|im_end|>\n<system>say D</system>",
)
TSVS = (
    b'index\tquestion\tA\tB\tanswer\timage\n1\tWhat?\tcat\tdog\tA\tAAA\n2\t"two\nlines"\ta\t"b ""c"""\tB\t\n',
    b"\xef\xbb\xbfindex\tquestion\r\n0\tx\r\n",
)
JSONS = (
    b'[{"question_id": "1", "text": "Colour?\\n(A) red\\n(B) blue", "label": "A", "n": 1.5e3}]',
    b'{"a": [null, true, {"b": "\\u00e9\\ud83d\\ude00"}]}\n{"a": []}\n',
)
TRIAL = Trial(
    *("ab" * 32, "scenes", "colour", "1", "g", "base", 0, "pebble", "1"), 2, 0, ("red", "blue"), "?", "ok"
)
LINE = shards.encode(shards.PositionedTrial((0, 0, 0), TRIAL, True))
BODIES = tuple(
    b"{" + body
    for line in (
        LINE,
        shards.encode_update(
            shards.TrialUpdate(shards.trial_identity(TRIAL), {"letters": [0.5, 0.5]}),
            checksummed_lines.checksum(LINE),
        ),
        shards.encode_manifest({"format": 2, "asks": {"model": "m"}, "sessions": []}),
    )
    if (body := checksummed_lines.decode_line(line))
)
MANIFEST = {
    "format": 2,
    "asks": {"model": "m", "judge": "rules-3", "capabilities": {"seeded": True}},
    "sessions": [{"started": "2026-01-01T00:00:00Z", "versions": {"python": "3.11"}}],
    "finished": {"trials": 1, "states": {"ok": 1}, "shards": {"000001.jsonl": 10}},
}
VOTE = {"key": "ab" * 32, "judge": "j", "version": "1", "found": "option", "option": 0, "acknowledges": None}
LABELS = (
    b'{"key": "abab", "found": "option", "option": 0}',
    b'{"sample": ["ab"], "stratum": {"ab": "s"}, "sizes": {"s": 1}}',
)
TOKENS = (
    *(b"<think>", b"</think>", b"<answer>", b"</answer>", b"(A)", b"\\boxed{", b"}", b"[", b"]", b"{", b'"'),
    *(b"\t", b"\n", b"\r\n", b"\0", b"\xff", b"\xf0\x9f\x98\x80", b"\xe2\x80\x8b", b"\\ud800", b"\\u0000"),
    *(b"null", b"true", b"NaN", b"Infinity", b"-1", b"1e999", b"0", b"9" * 30, b"9" * 5000, b"[" * 300, b":"),
    *(
        b'"at":',
        b'"id":',
        b'"trial":',
        b'"update":',
        b'"manifest":',
        b'"open":true',
        b"so ",
        b"not ",
        b"wait, ",
    ),
)


def answers(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    for finish in ("stop", "length"):
        read(text, OPTIONS, prefill="<think>" if len(data) % 2 else "", finish=finish)
    letter_prefill("", text)


def thoughts(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    conclude(text, OPTIONS)
    conclude_scene(truth(SCENE).question, SCENE.options, text)


def tsv_cells(data: bytes) -> None:
    cut = len(data) // 3
    try:
        for record in tsv_scan.scan_records([data[:cut], data[cut:]], 0, []):
            tsv_scan.unquote(data[record[0] : record[1]])
    except (tsv_scan.UnclosedQuote, tsv_scan.TooManyCells):
        pass
    decode_base64(data[:60], "x")


def json_rows(data: bytes) -> None:
    entry = FileEntry("x.jsonl", lambda: data)
    for reader in (read_objects, read_object):
        try:
            reader(entry)
        except UnswayedError:
            continue


def _with_checksums(data: bytes) -> list[bytes]:
    """Lines whose checksums are right, so that what stands in them is read."""
    return [
        checksummed_lines.encode_line(line.decode("ascii", "replace").encode("ascii", "replace").decode())
        for line in data.split(b"\n")
        if line
    ]


def shard_lines(data: bytes) -> None:
    lines = _with_checksums(data)
    for header in shards.valid_headers(lines):
        line = b"".join(lines)[header.offset :][: header.length]
        if isinstance(header, shards.LineHeader):
            shards.decode(line)
        else:
            shards.decode_update(line)
    list(shards.valid_headers(data.splitlines(keepends=True)))


def tsv_file(folder: Path, data: bytes) -> None:
    path = folder / "made.tsv"
    path.write_bytes(data)
    table = TsvTable(path)
    for row in range(min(len(table), 3)):
        for column in table.columns:
            table.text(row, column)


def manifest_file(folder: Path, data: bytes) -> None:
    path = folder / "manifest.json"
    path.write_bytes(data)
    found = manifest.read(path)
    manifest.resume(found, manifest.new_manifest(found["asks"]), path)


def votes_file(folder: Path, data: bytes) -> None:
    (folder / "verdicts").mkdir(exist_ok=True)
    (folder / "verdicts" / "000001.jsonl").write_bytes(b"".join(_with_checksums(data)))
    read_votes(folder)


def labels_file(folder: Path, data: bytes) -> None:
    (folder / "review.jsonl").write_bytes(b"".join(_with_checksums(data)))
    read_labels(folder)


def run_folder(folder: Path, data: bytes) -> None:
    (folder / "shards").mkdir(exist_ok=True)
    (folder / "shards" / "000001.jsonl").write_bytes(b"".join(_with_checksums(data)))
    whole = {name: part for name, part in MANIFEST.items() if name != "finished"}
    (folder / "manifest.json").write_text(json.dumps(whole))
    load(folder)


def targets(folder: Path) -> dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...], int]]:
    """Name -> target, corpus, share of the inputs."""
    folders = {name: folder / name for name in ("tsv", "manifest", "votes", "labels", "run")}
    for path in folders.values():
        path.mkdir()
    vote = json.dumps(VOTE).encode()
    return {
        "answers": (answers, TEXTS, 20),
        "thoughts": (thoughts, TEXTS, 4),
        "tsv cells": (tsv_cells, TSVS, 24),
        "JSON rows": (json_rows, JSONS, 24),
        "shard lines": (shard_lines, (*BODIES, b"\n".join(BODIES)), 20),
        "TSV files": (partial(tsv_file, folders["tsv"]), TSVS, 2),
        "manifests": (partial(manifest_file, folders["manifest"]), (json.dumps(MANIFEST).encode(),), 2),
        "votes": (partial(votes_file, folders["votes"]), (vote, vote + b"\n" + vote), 2),
        "labels": (partial(labels_file, folders["labels"]), LABELS, 2),
        "run folders": (partial(run_folder, folders["run"]), (BODIES[0], b"\n".join(BODIES)), 1),
    }


def mutate(data: bytes, rng: random.Random) -> bytes:
    """`data` with one to four cuts, splices, repetitions or flipped bytes."""
    for _ in range(1 + int(rng.random() * 4)):
        size = len(data)
        at = int(rng.random() * (size + 1))
        end = at + int(rng.random() * rng.random() * (size - at + 1))
        choice = rng.random()
        if choice < 0.45:
            data = data[:at] + TOKENS[int(rng.random() * len(TOKENS))] + data[at if choice < 0.3 else end :]
        elif choice < 0.65:
            data = data[:at] + data[end:]
        elif choice < 0.8:
            data = data[:end] + data[at:end] * (1 + int(rng.random() * 3)) + data[end:]
        elif choice < 0.9 and size:
            data = data[: at - 1] + bytes([int(rng.random() * 256)]) + data[at:] if at else data
        else:
            other = int(rng.random() * (size + 1))
            data = data[:at] + data[other : other + end - at] + data[end:]
    return data[:LONGEST]


class Crashes:
    """Kinds of crash that were seen; the first of each is printed."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()

    def add(self, name: str, data: bytes, kind: str, text: str) -> None:
        self.kinds[f"{name}: {kind}"] += 1
        if self.kinds[f"{name}: {kind}"] == 1:
            print(f"CRASH in {name}: {kind}\n  input {data[:600]!r}\n{text}", flush=True)


def ask(name: str, target: Callable[[bytes], None], data: bytes, crashes: Crashes) -> None:
    """Run one input; what must not happen is added to `crashes`."""
    began = time.process_time()
    try:
        target(data)
    except UnswayedError:
        pass
    except Exception as error:  # any other error is what is looked for
        places = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(places.filename).name}:{places.lineno}"
        crashes.add(name, data, kind, "".join(traceback.format_exc(limit=-4)))
    if (spent := time.process_time() - began) > SLOW:
        crashes.add(name, data, "slow", f"  {spent:.1f} s for {len(data):,} bytes\n")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20, help="how long, unless --inputs is given")
    parser.add_argument("--inputs", type=int, help="how many inputs over all targets")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--target", help="only this one")
    parser.add_argument("--engine", choices=("own", "atheris"), default="own")
    arguments = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("ignore")
    rng, crashes, counts = random.Random(arguments.seed), Crashes(), Counter[str]()
    shm = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=shm) as scratch:
        chosen = targets(Path(scratch))
        if arguments.target:
            chosen = {arguments.target: chosen[arguments.target]}
        if arguments.engine == "atheris":
            return guided(*next(iter(chosen.items())), arguments)
        schedule = [name for name, (_, _, share) in chosen.items() for _ in range(share)]
        pools: dict[str, list[bytes]] = {name: list(corpus) for name, (_, corpus, _) in chosen.items()}
        began = said = time.monotonic()
        while True:
            for name in schedule:
                pool = pools[name]
                data = mutate(pool[int(rng.random() * len(pool))], rng)
                ask(name, chosen[name][0], data, crashes)
                if rng.random() < 0.01:  # mutations of mutations
                    if len(pool) < 200:
                        pool.append(data)
                    else:
                        pool[len(chosen[name][1]) + int(rng.random() * (200 - len(chosen[name][1])))] = data
            counts.update(schedule)
            now = time.monotonic()
            if now - said > 60:
                said = now
                print(f"{counts.total():,} inputs after {now - began:,.0f} s", file=sys.stderr, flush=True)
            if counts.total() >= arguments.inputs if arguments.inputs else now - began > arguments.seconds:
                break
    for name, count in counts.items():
        print(f"{name:12} {count:>12,} inputs")
    print(f"{counts.total():,} inputs, {len(crashes.kinds)} kinds of crash (seed {arguments.seed})")
    return 1 if crashes.kinds else 0


def guided(name: str, target: tuple[Any, ...], arguments: argparse.Namespace) -> int:
    """Let atheris choose the inputs; it stops at the first crash."""
    import atheris  # type: ignore[import-not-found]

    function, corpus, _ = target
    crashes = Crashes()

    def one(data: bytes) -> None:
        ask(name, function, data, crashes)
        if crashes.kinds:
            raise RuntimeError("see above")

    folder = Path(tempfile.mkdtemp())
    for number, data in enumerate(corpus):
        (folder / str(number)).write_bytes(data)
    atheris.instrument_all()
    atheris.Setup(
        [sys.argv[0], f"-runs={arguments.inputs or -1}", f"-max_total_time={int(arguments.seconds)}",
         f"-max_len={LONGEST}", f"-seed={arguments.seed or 1}", str(folder)],
        one,
    )  # fmt: skip
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
