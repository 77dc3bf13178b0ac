"""Runs of a study as processes: which is next, on which cores, and what became of it.

Decided here: a run that fails or is killed stops no other; nothing is tried again by itself. Workers are
asked to stop by closing their stdin, so they also stop when this process is killed. They stand in process
groups of their own: a Ctrl-C reaches the study alone.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread
from typing import Protocol

from unswayed.store.atomic_files import Lock, told
from unswayed.store.study_records import RunState
from unswayed.study.initial_audit import alike
from unswayed.study.settings import Study
from unswayed.study.state import Book, check
from unswayed.study.worker import Task, Word
from unswayed.training.config.loader import as_dict
from unswayed.training.session import need_train

WORKER = [sys.executable, "-m", "unswayed.study.worker"]
_WRITE_EVERY = 10.0  # seconds between two writes of what a killed study may forget
_TICK = 0.2  # seconds in which a wish to stop is heard


class Watcher(Protocol):
    """Who shows what is going on."""

    def run(self, run: RunState, note: str) -> None:
        """A run has another state or step; `note` is of its last step."""

    def line(self, text: str) -> None:
        """Something worth a line: an audit, an end."""


@dataclass
class Hand:
    """A worker at work."""

    process: subprocess.Popen[str]
    place: int
    """Which of the places that run at once; it decides the cores."""
    begun: float
    seconds: float
    """Spent on the run before."""
    last: Word | None = None
    """Its last word about its end."""


class Crew:
    """Trains what is left of a study, some runs at once."""

    def __init__(self, book: Book, watcher: Watcher, processes: int) -> None:
        self._book, self._watcher, self._processes = book, watcher, processes
        self._hands: dict[tuple[str, int], Hand] = {}
        self._words: queue.Queue[tuple[tuple[str, int], Word | None]] = queue.Queue()
        self._written = time.monotonic()

    def work(self, todo: Sequence[tuple[str, int]], stop: Callable[[], bool]) -> None:
        """Until all of `todo` have ended, or `stop` says so and the steps under way are saved.

        An exception (a second Ctrl-C) kills the workers; their last checkpoints are good.
        """
        left, stopping = list(todo), False
        try:
            while self._hands or (left and not stopping):
                while left and not stopping and len(self._hands) < self._processes:
                    self._begin(left.pop(0))
                try:
                    name, word = self._words.get(timeout=_TICK)
                except queue.Empty:
                    pass
                else:
                    self._hear(name, word)
                if not stopping and stop():
                    stopping = True
                    for hand in self._hands.values():
                        assert hand.process.stdin is not None
                        hand.process.stdin.close()
        finally:
            for name in list(self._hands):
                self._kill(name)
            self._book.write()

    def _begin(self, name: tuple[str, int]) -> None:
        run, book = self._book[name], self._book
        config = book.study.config(*name)
        folder = book.path(run)
        with told(folder):
            folder.mkdir(parents=True, exist_ok=True)
        place = next(i for i in range(self._processes) if i not in {h.place for h in self._hands.values()})
        task: Task = {
            "config": as_dict(config),
            "out": str(folder),
            "cores": cores(place, self._processes),
            "donor": self._donor(run),
        }
        env = {
            "OMP_NUM_THREADS": str(config.model.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "TOKENIZERS_PARALLELISM": "false",
            **os.environ,
        }
        with told(folder), open(folder / "log.txt", "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                WORKER,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                encoding="utf-8",
                env=env,
                start_new_session=True,
            )
        self._hands[name] = Hand(process, place, time.monotonic(), run.seconds)
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # dead already: its end is heard below
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        Thread(target=self._listen, args=(name, process), daemon=True).start()
        self._note(replace(run, state="running", reason=""))

    def _donor(self, run: RunState) -> str:
        """Folder of a run that has made the same first audit; empty where there is none."""
        config, book = self._book.study.config, self._book
        if run.step:
            return ""
        for other in book:
            made = other.step > 0 and (book.path(other) / "dynamics.jsonl").exists()
            if made and alike(config(run.arm, run.seed), config(other.arm, other.seed)):
                return str(book.path(other))
        return ""

    def _listen(self, name: tuple[str, int], process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            try:
                self._words.put((name, json.loads(line)))
            except ValueError:
                continue  # cut off when it was killed
        process.wait()
        self._words.put((name, None))

    def _hear(self, name: tuple[str, int], word: Word | None) -> None:
        run = self._book[name]
        if word is None:
            self._end(name)
        elif word["kind"] == "step":
            now = time.monotonic()
            write = now - self._written > _WRITE_EVERY
            self._written = now if write else self._written
            self._note(replace(run, step=word["step"]), word["text"], write=write)
        elif word["kind"] == "line":
            self._watcher.line(f"{label(run)} · {word['text']}")
        elif word["kind"] == "took":
            folder = str(Path(word["text"]).relative_to(self._book.folder))
            self._note(replace(run, first_audit_of=folder))
        else:
            self._hands[name].last = word

    def _end(self, name: tuple[str, int]) -> None:
        hand = self._hands.pop(name)
        run, code, last = self._book[name], hand.process.returncode, hand.last or {}
        kind, reason = last.get("kind", ""), last.get("text", "")
        if not kind and code in (130, -signal.SIGTERM):
            kind, reason = "stopped", "it was told to end"
        elif not kind and code < 0:
            kind, reason = "stopped", f"it was killed by signal {-code} (perhaps for want of memory)"
        elif not kind:
            kind, reason = "failed", f"it ended with code {code} and no word; see log.txt in its folder"
        step = run.steps if kind == "done" else run.step
        spent = hand.seconds + time.monotonic() - hand.begun
        self._note(replace(run, state=kind, reason=reason, step=step, seconds=round(spent, 1)))
        self._watcher.line(f"{label(run)} · {kind}" + (f": {reason}" if reason else ""))

    def _kill(self, name: tuple[str, int]) -> None:
        process = self._hands[name].process
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        run = replace(self._book[name], state="stopped", reason="it was interrupted")
        del self._hands[name]
        self._book.note(run, write=False)

    def _note(self, run: RunState, note: str = "", *, write: bool = True) -> None:
        self._book.note(run, write=write)
        self._watcher.run(run, note)


def train_all(
    study: Study,
    folder: str | Path,
    watcher: Watcher,
    *,
    only: Sequence[str] = (),
    processes: int | None = None,
    retry_failed: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> list[RunState]:
    """Train what is left of `study` in `folder`; what became of the runs that were asked for.

    `only`: these arms. Raises `BadInput` for an unknown arm or a folder in use, `RunChanged` for a folder
    of other settings, `MissingExtra`.
    """
    need_train()
    folder = Path(folder)
    check(folder, study)  # before anything is put into it
    with told(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder)
    try:
        book = Book.open(folder, study)
        left = ("waiting", "stopped", *(("failed",) if retry_failed else ()))
        asked = [run for run in book if not only or run.arm in only]
        for run in asked:
            watcher.run(run, "")
        todo = [(run.arm, run.seed) for run in asked if run.state in left]
        Crew(book, watcher, processes or study.processes).work(todo, stop)
        return [book[run.arm, run.seed] for run in asked]
    finally:
        lock.close()


def cores(place: int, processes: int) -> list[int]:
    """The cores of one of several processes: even shares of those that there are, as long as each gets one;
    empty where it may use all."""
    if processes == 1 or not hasattr(os, "sched_getaffinity"):
        return []
    all_ = sorted(os.sched_getaffinity(0))
    share = len(all_) // processes
    return all_[place * share : (place + 1) * share]


def label(run: RunState) -> str:
    """How a run is called in a line."""
    return f"{run.arm} seed {run.seed}"
