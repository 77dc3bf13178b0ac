"""Killed at any instant, an audit goes on: nothing is lost, nothing is there twice, nothing asked anew.

An audit of a slow respondent is killed (SIGKILL) again and again at random moments and resumed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from places import SUPPORT
from synthetic import cues, stream
from unswayed import trial_keys
from unswayed.backends import scripted
from unswayed.pipeline.audit import Run, audit

KILLS = int(os.environ.get("UNSWAYED_KILLS", "20"))  # more for a long run by hand
QUESTIONS, CONDITIONS = 18 * KILLS, ["base", "wrong-think", "wrong-caption"]
CHUNK, CONCURRENCY = 4, 3
SPEC = f"scripted:silent-flipper:p=0.5,acc=0.8,chunk={CHUNK},concurrency={CONCURRENCY}"
OPEN = (2 * CONCURRENCY + 1) * CHUNK  # trials that may be asked and not yet stored

# Imports everything once; each line on its standard input (seconds per call) begins a fork that audits.
PARENT = """
import asyncio, os, sys
from synthetic import cues, stream
from unswayed.pipeline.audit import audit
from unswayed.backends import scripted
import unswayed.judges.text_rules

spec, folder, log, n, conditions = sys.argv[1:]
plain = scripted.make(spec)

class Logged(scripted.Scripted):
    async def generate(self, requests):
        os.write(asked, "".join(f"{r.seed}\\n" for r in requests).encode())
        await asyncio.sleep(pause)
        return await super().generate(requests)

    async def score_letters(self, prompts):
        os.write(scored, b"x" * len(prompts))
        await asyncio.sleep(pause)
        return await super().score_letters(prompts)

backend = Logged(plain.kind, plain.behaviour, plain.name).bind(stream(int(n)))
for line in sys.stdin:
    pause = float(line)
    child = os.fork()
    if not child:
        asked = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        scored = os.open(log + ".letters", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        asyncio.run(audit(backend, stream(int(n)), conditions.split(","), cues=cues, store=folder))
        os._exit(0)
    print(child, flush=True)
    print(os.waitpid(child, 0)[1], flush=True)
"""


class Zygote:
    """The process that forks the audits."""

    def __init__(self, folder: Path, log: Path) -> None:
        paths = [str(SUPPORT), os.environ.get("PYTHONPATH", "")]
        env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
        what = [SPEC, str(folder), str(log), str(QUESTIONS), ",".join(CONDITIONS)]
        self._process = subprocess.Popen(
            [sys.executable, "-c", PARENT, *what], env=env, text=True, stdin=-1, stdout=-1
        )

    def begin(self, pause: float) -> int:
        """Start an audit; its process id."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{pause}\n")
        self._process.stdin.flush()
        return self._number()

    def ended(self) -> int:
        """Wait for the audit; its wait status (0: done, 9: killed)."""
        return self._number()

    def _number(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())

    def close(self) -> None:
        self._process.communicate()


def _stored(folder: Path) -> set[int]:
    """Seeds of all trials that are stored for good: every trial has its own."""
    if not (folder / "manifest.json").exists():
        return set()
    rows = Run.load(folder).trials.select(["uid", "condition", "state"]).to_pylist()
    by_uid = {q.uid: q for q in stream(QUESTIONS)}
    return {
        trial_keys.trial_seed(0, by_uid[r["uid"]], r["condition"], 0) for r in rows if r["state"] != "error"
    }


def _asked(log: Path) -> list[int]:
    # A line may be half-written for an instant; only whole ones count.
    return [int(line) for line in log.read_text().split("\n")[:-1]] if log.exists() else []


@pytest.mark.slow
def test_kills_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    folder, log = tmp_path / "run", tmp_path / "asked"
    seed = 20240
    print(f"seed {seed}")
    draw = random.Random(seed)
    zygote = Zygote(folder, log)
    for _ in range(KILLS):
        before, asked = _stored(folder), len(_asked(log))
        child = zygote.begin(pause=0.01)
        until = asked + draw.randrange(2 * OPEN)
        while len(_asked(log)) < until:
            os.kill(child, 0)  # raises where it has ended: make the run longer
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.02))
        os.kill(child, signal.SIGKILL)
        assert zygote.ended() == signal.SIGKILL, "it ended before it was killed; make the run longer"
        now = _asked(log)[asked:]
        assert not before & set(now), "stored trials were asked again"
        stored = _stored(folder)
        assert before <= stored
        assert stored - before <= set(now)
        assert len(stored) - len(before) >= len(now) - OPEN
    assert 0 < len(_stored(folder)) < QUESTIONS * len(CONDITIONS)
    zygote.begin(pause=0.0)
    assert zygote.ended() == 0
    zygote.close()

    trials = QUESTIONS * len(CONDITIONS)
    asked_again = len(_asked(log)) - trials
    letters_again = Path(f"{log}.letters").stat().st_size - trials
    print(f"{KILLS} kills: {asked_again} answers and {letters_again} letters were asked twice")
    assert 0 <= asked_again <= KILLS * OPEN
    assert 0 <= letters_again <= KILLS * OPEN
    found = Run.load(folder).trials
    backend = scripted.make(SPEC).bind(stream(QUESTIONS))
    whole = asyncio.run(audit(backend, stream(QUESTIONS), CONDITIONS, cues=cues)).trials
    cost = ["seconds", "attempts"]
    assert found.drop_columns(cost).equals(whole.drop_columns(cost))
    assert len(found) == trials == len(set(found["key"].to_pylist()))
