"""Kills audits (SIGKILL) at random moments, resumes them, and counts what was lost, doubled and asked twice.

    python bench/kills.py [--kills 50] [--only scripted pebble endpoint writers] [--seed 0]

Four kinds of audit are killed `--kills` times each: a scripted respondent; pebble on the CPU; a chat endpoint
with letters (tests/support/chat_server.py, 10 ms a reply); and eight writers of one folder, one of which is
killed at a time. Each then runs to its end and is compared with an audit that nobody disturbed. An answer
counts as asked twice where it was asked for twice; of pebble, where it was generated twice, so without the
batch that it was generating when it was killed.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

CONDITIONS = ["base", "wrong-think", "wrong-caption"]
WRITERS = 8
SCRIPTED = "scripted:silent-flipper:p=0.5,acc=0.8,chunk=4,concurrency=3"
PACE = {"scripted": 0.01, "endpoint": 0.01, "writers": 0.03}  # seconds for an answer
LONGEST = {"scripted": 1.0, "pebble": 8.0, "endpoint": 1.5, "writers": 0.3}  # seconds until a kill
COST = ["seconds", "attempts"]


def questions(kind: str, kills: int) -> list[Any]:
    """Enough that the audit does not end before it was killed often enough."""
    import synthetic

    if kind == "pebble":
        from unswayed.scenes.questions import load

        return list(load("test", 2 * kills))
    return synthetic.questions({"scripted": 40, "endpoint": 40, "writers": 30}[kind] * kills)


def respondent(kind: str, asked: list[Any], url: str, log: int | None) -> Any:
    """The backend; every answer that it gives adds a line to the file `log`."""
    from unswayed import open_backend
    from unswayed.backends import scripted

    def note(letter: str, seeds: Sequence[object]) -> None:
        if log is not None:
            os.write(log, "".join(f"{letter} {seed}\n" for seed in seeds).encode())

    if kind == "endpoint":
        from unswayed.backends.openai import EndpointOptions, OpenAIBackend

        return OpenAIBackend("tiny/model", EndpointOptions([url], concurrency=16))
    if kind == "pebble":
        backend = open_backend("pebble", batch_size=8)
        generate = backend.generate_in_batches

        async def in_batches(requests: Sequence[Any], store: Any) -> Any:
            def logged(batch: Mapping[int, Any]) -> None:
                note("a", [requests[index].seed for index in batch])
                store(batch)

            return await generate(requests, logged)

        backend.generate_in_batches = in_batches
        return backend

    class Slow(scripted.Scripted):
        async def generate(self, requests: Sequence[Any]) -> Any:
            note("a", [request.seed for request in requests])
            await asyncio.sleep(PACE[kind] if log is not None else 0)
            return await super().generate(requests)

        async def score_letters(self, prompts: Sequence[Any]) -> Any:
            note("l", range(len(prompts)))
            await asyncio.sleep(PACE[kind] if log is not None else 0)
            return await super().score_letters(prompts)

    plain = scripted.make(SCRIPTED)
    return Slow(plain.kind, plain.behaviour, plain.name).bind(asked)


def audit_once(kind: str, kills: int, url: str, log: str | None, folder: str | None, part: Any = None) -> Any:
    import synthetic
    from unswayed.pipeline.audit import audit

    asked = questions(kind, kills)
    file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if log else None
    backend = PREPARED.get(kind) or respondent(kind, asked, url, file)
    cues = None if kind == "pebble" else synthetic.cues
    return asyncio.run(audit(backend, asked, CONDITIONS, cues=cues, store=folder, part=part))


PREPARED: dict[str, Any] = {}


def zygote(kind: str, kills: int, url: str, log: str, folder: str) -> None:
    """Imports (and loads pebble) once. ``start I N`` begins an audit of part I/N (0 0: of all) in a fork and
    says its process id; ``wait ID`` says its wait status."""
    import synthetic  # noqa: F401
    import unswayed.judges.text_rules
    import unswayed.pipeline.audit  # noqa: F401
    from unswayed.store import Part

    if kind == "pebble":
        file = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        PREPARED[kind] = respondent(kind, [], url, file)
    for line in sys.stdin:
        command, *numbers = line.split()
        if command == "wait":
            print(os.waitpid(int(numbers[0]), 0)[1], flush=True)
            continue
        index, count = map(int, numbers)
        child = os.fork()
        if not child:
            audit_once(kind, kills, url, log, folder, Part(index, count) if count else None)
            os._exit(0)
        print(child, flush=True)


class Audits:
    """Audits that a zygote forks."""

    def __init__(self, *what: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--zygote", *what], stdin=-1, stdout=-1, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip

    def start(self, index: int = 0, count: int = 0) -> int:
        return self._say(f"start {index} {count}")

    def wait(self, pid: int) -> int:
        return self._say(f"wait {pid}")

    def _say(self, line: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


@contextmanager
def server(kind: str) -> Iterator[Any]:
    """The endpoint, or nothing."""
    if kind != "endpoint":
        yield None
        return
    from chat_models import HashModel
    from chat_server import ChatServer

    async def slow(request: Any, raw: bytes, times: int, answer: Any) -> Any:
        await asyncio.sleep(PACE["endpoint"])
        return await answer()

    with ChatServer(HashModel(bracket=0), fault=slow) as serving:
        yield serving


def kill_alone(audits: Audits, kind: str, kills: int, draw: random.Random) -> int:
    """Kill the one audit `kills` times; how many of them hit it before it ended."""
    hits = 0
    for _ in range(kills):
        child = audits.start()
        time.sleep(draw.uniform(0, LONGEST[kind]))
        hits += kill(audits, child)
    assert audits.wait(audits.start()) == 0
    return hits


def kill_writers(audits: Audits, kills: int, draw: random.Random) -> int:
    """Kill one of the writers at a time, and begin it again at once."""
    hits = 0
    writing = {index: audits.start(index, WRITERS) for index in range(1, WRITERS + 1)}
    for _ in range(kills):
        time.sleep(draw.uniform(0, LONGEST["writers"]))
        index = draw.choice(list(writing))
        hits += kill(audits, writing[index])
        writing[index] = audits.start(index, WRITERS)
    for child in writing.values():
        assert audits.wait(child) == 0
    return hits


def kill(audits: Audits, child: int) -> bool:
    os.kill(child, signal.SIGKILL)
    status = audits.wait(child)
    assert status in (0, signal.SIGKILL), f"an audit failed by itself: wait status {status}"
    return status == signal.SIGKILL


def run(kind: str, kills: int, seed: int) -> None:
    from unswayed.pipeline.audit import Run

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, server(kind) as serving:
        folder, log = f"{scratch}/run", f"{scratch}/log"
        url = serving.url if serving else ""
        audits = Audits(kind, str(kills), url, log, folder)
        draw = random.Random(seed)
        hits = (
            kill_writers(audits, kills, draw) if kind == "writers" else kill_alone(audits, kind, kills, draw)
        )
        audits.close()
        found = Run.load(folder)
        assert "finished" in found.manifest, "the run has no table"
        if serving:
            named = Counter(body for name, body in serving.came if name)
            letters = {body for body in named if serving.bodies[body].get("max_tokens") == 1}
            answers = Counter({body: n for body, n in named.items() if body not in letters})
            letter_count = sum(named[body] for body in letters)
        else:
            lines = [line.split() for line in Path(log).read_text().splitlines()]
            answers = Counter(seed for letter, seed in lines if letter == "a")
            letter_count = sum(letter == "l" for letter, _ in lines)
        whole = audit_once(kind, kills, url, None, None).trials
        keys = Counter(found.trials["key"].to_pylist())
        lost = len(set(whole["key"].to_pylist()) - keys.keys())
        columns = ["key", "state", "text", "answer", "concluded", "consistent"]
        same = found.trials.select(columns).equals(whole.select(columns))
        open_letters = sum(p is None for p in found.trials["letters"].to_pylist()) - sum(
            p is None for p in whole["letters"].to_pylist()
        )
    twice = sum(n - 1 for n in answers.values())
    print(
        f"{kind:9} {hits:4} kills  {len(whole):7,} trials  lost {lost}  "
        f"doubled {sum(keys.values()) - len(keys)}  "
        f"without letters {open_letters}  answers asked twice {twice}"
        + (f"  letters {letter_count:,}" if letter_count else "")
        + f"  {'equal to' if same else 'DIFFERENT from'} the undisturbed run  "
        f"{len(found.manifest['sessions'])} sessions, {time.monotonic() - began:.0f} s",
        flush=True,
    )


def main() -> None:
    if sys.argv[1:2] == ["--zygote"]:
        kind, kills, *rest = sys.argv[2:]
        zygote(kind, int(kills), *rest)
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="of each kind")
    parser.add_argument("--only", nargs="+", default=list(LONGEST), choices=list(LONGEST))
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    for kind in arguments.only:
        run(kind, arguments.kills, arguments.seed)


if __name__ == "__main__":
    main()
