"""Runs of a study as processes: which runs next, on which cores, and how each ended.

A run that fails or is killed stops no other, and is not repeated automatically. Workers are stopped by
closing their stdin, so they also stop when this process is killed. They are in process groups of their own,
so that a Ctrl-C reaches the study alone.
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

from unswayed.store.atomic_files import Lock, os_errors_as_bad_input
from unswayed.store.study_records import RunState
from unswayed.study.initial_audit import same_initial_audit
from unswayed.study.settings import Study
from unswayed.study.state import StudyStateFile, check_study_folder
from unswayed.study.worker import STOPPED, WorkerMessage, WorkerTask
from unswayed.training.config.loader import as_dict
from unswayed.training.session import require_train_extra

WORKER = [sys.executable, "-m", "unswayed.study.worker"]
_WRITE_EVERY = 10.0  # seconds between two writes of steps, which a killed study may lose
_TICK = 0.2  # seconds until a request to stop is noticed

RunName = tuple[str, int]
"""Arm and seed."""


class StudyObserver(Protocol):
    """Shows the progress of a study."""

    def run(self, run: RunState, note: str) -> None:
        """A run has another state or step; `note` is about its last step."""

    def line(self, text: str) -> None:
        """A line to print: an audit, or the end of a run."""


@dataclass
class Worker:
    """An active worker process."""

    process: subprocess.Popen[str]
    slot: int
    """Its number among the runs that are trained at once; it decides the cores."""
    started: float
    earlier_seconds: float
    """Spent on the run before."""
    last_message: WorkerMessage | None = None
    """Its last message about its end."""


class Scheduler:
    """Trains the remaining runs of a study, some at once."""

    def __init__(self, state: StudyStateFile, observer: StudyObserver, processes: int) -> None:
        self._state, self._observer, self._processes = state, observer, processes
        self._workers: dict[RunName, Worker] = {}
        self._messages: queue.Queue[tuple[RunName, WorkerMessage | None]] = queue.Queue()
        self._written = time.monotonic()

    def train(self, names: Sequence[RunName], stop: Callable[[], bool]) -> None:
        """Returns once all runs in `names` have ended, or `stop` is True and the current steps are saved.

        An exception (a second Ctrl-C) kills the workers; their last checkpoints are good.
        """
        left, stopping = list(names), False
        try:
            while self._workers or (left and not stopping):
                while left and not stopping and len(self._workers) < self._processes:
                    self._start(left.pop(0))
                try:
                    name, message = self._messages.get(timeout=_TICK)
                except queue.Empty:
                    pass
                else:
                    self._handle(name, message)
                if not stopping and stop():
                    stopping = True
                    for worker in self._workers.values():
                        assert worker.process.stdin is not None
                        worker.process.stdin.close()
        finally:
            for name in list(self._workers):
                self._kill(name)
            self._state.write()

    def _start(self, name: RunName) -> None:
        run, state = self._state[name], self._state
        config = state.study.config(*name)
        folder = state.path(run)
        with os_errors_as_bad_input(folder):
            folder.mkdir(parents=True, exist_ok=True)
        used = {worker.slot for worker in self._workers.values()}
        slot = next(i for i in range(self._processes) if i not in used)
        task: WorkerTask = {
            "config": as_dict(config),
            "out": str(folder),
            "cores": assigned_cores(slot, self._processes),
            "donor": self._donor(run),
        }
        env = {
            "OMP_NUM_THREADS": str(config.model.threads),
            "OMP_WAIT_POLICY": "PASSIVE",
            "TOKENIZERS_PARALLELISM": "false",
            **os.environ,
        }
        with os_errors_as_bad_input(folder), open(folder / "log.txt", "a", encoding="utf-8") as log:
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
        self._workers[name] = Worker(process, slot, time.monotonic(), run.seconds)
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it has died already, which `_read_messages` reports
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
        Thread(target=self._read_messages, args=(name, process), daemon=True).start()
        self._update(replace(run, state="running", reason=""))

    def _donor(self, run: RunState) -> str:
        """Folder of a run that has made an equal first audit; empty where there is none."""
        config, state = self._state.study.config, self._state
        if run.step:
            return ""
        for other in state:
            audited = other.step > 0 and (state.path(other) / "dynamics.jsonl").exists()
            if audited and same_initial_audit(config(run.arm, run.seed), config(other.arm, other.seed)):
                return str(state.path(other))
        return ""

    def _read_messages(self, name: RunName, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                try:
                    self._messages.put((name, json.loads(line)))
                except ValueError:
                    continue  # incomplete, because the worker was killed
        process.wait()
        self._messages.put((name, None))

    def _handle(self, name: RunName, message: WorkerMessage | None) -> None:
        run = self._state[name]
        if message is None:
            self._end(name)
        elif message["kind"] == "step":
            now = time.monotonic()
            write = now - self._written > _WRITE_EVERY
            self._written = now if write else self._written
            self._update(replace(run, step=message["step"]), message["text"], write=write)
        elif message["kind"] == "line":
            self._observer.line(f"{run_label(run)} · {message['text']}")
        elif message["kind"] == "took":
            folder = str(Path(message["text"]).relative_to(self._state.folder))
            self._update(replace(run, first_audit_of=folder))
        else:
            self._workers[name].last_message = message

    def _end(self, name: RunName) -> None:
        worker = self._workers.pop(name)
        _close_stdin(worker.process)
        run, code, last = self._state[name], worker.process.returncode, worker.last_message or {}
        state, reason = last.get("kind", ""), last.get("text", "")
        if not state and code in (STOPPED, -signal.SIGTERM):
            state, reason = "stopped", "it was asked to end"
        elif not state and code < 0:
            state, reason = "stopped", f"it was killed by signal {-code} (possibly for lack of memory)"
        elif not state:
            state = "failed"
            reason = f"it ended with code {code} without a message; see log.txt in its folder"
        step = run.steps if state == "done" else run.step
        seconds = worker.earlier_seconds + time.monotonic() - worker.started
        self._update(replace(run, state=state, reason=reason, step=step, seconds=round(seconds, 1)))
        self._observer.line(f"{run_label(run)} · {state}" + (f": {reason}" if reason else ""))

    def _kill(self, name: RunName) -> None:
        process = self._workers.pop(name).process
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _close_stdin(process)
        interrupted = replace(self._state[name], state="stopped", reason="it was interrupted")
        self._state.update(interrupted, write=False)

    def _update(self, run: RunState, note: str = "", *, write: bool = True) -> None:
        self._state.update(run, write=write)
        self._observer.run(run, note)


def _close_stdin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):  # what it did not read before it died cannot be flushed
        process.stdin.close()


def run_study(
    study: Study,
    folder: str | Path,
    observer: StudyObserver,
    *,
    only: Sequence[str] = (),
    processes: int | None = None,
    retry_failed: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> list[RunState]:
    """Trains the remaining runs of `study` in `folder`; the states of the selected runs.

    `only`: these arms. Raises `BadInput` for an unknown arm or a folder in use, `RunChanged` for a folder of
    other settings, `MissingExtra`.
    """
    require_train_extra()
    folder = Path(folder)
    check_study_folder(folder, study)  # before anything is written to it
    with os_errors_as_bad_input(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder)
    try:
        state = StudyStateFile.open(folder, study)
        open_states = ("waiting", "stopped", *(("failed",) if retry_failed else ()))
        selected = [run for run in state if not only or run.arm in only]
        for run in selected:
            observer.run(run, "")
        names = [(run.arm, run.seed) for run in selected if run.state in open_states]
        Scheduler(state, observer, processes or study.processes).train(names, stop)
        return [state[run.arm, run.seed] for run in selected]
    finally:
        lock.close()


def assigned_cores(slot: int, processes: int) -> list[int]:
    """The cores of one of several processes: equal shares of the available ones, as long as each gets one;
    empty where it may use all."""
    if processes == 1 or not hasattr(os, "sched_getaffinity"):
        return []
    available = sorted(os.sched_getaffinity(0))
    share = len(available) // processes
    return available[slot * share : (slot + 1) * share]


def run_label(run: RunState) -> str:
    """A run's name in a line."""
    return f"{run.arm} seed {run.seed}"
