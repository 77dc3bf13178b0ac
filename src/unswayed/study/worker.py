"""One run of a study, in a process of its own: ``python -m unswayed.study.worker``.

The task is one line of JSON on stdin. The end of stdin, which also comes when the study is killed, is the
request to stop: the current step is then finished and saved. Messages go to stdout, one line of JSON each
(`WorkerMessage`); whatever libraries print goes to stderr, which is the run's `log.txt`.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread
from typing import Any, TypedDict

from unswayed.errors import BadInput, UnswayedError
from unswayed.store.atomic_files import Lock

STOPPED = 130
"""Exit code of a worker that was stopped before its last step."""


class WorkerTask(TypedDict):
    """What a worker gets."""

    config: dict[str, Any]
    """All settings, as `unswayed.training.config.loader.as_dict` gives them."""
    out: str
    """The run's folder; it exists."""
    cores: list[int]
    """CPU cores to use; empty: any."""
    donor: str
    """Folder of a run with an equal audit before the first step; empty: none."""


class WorkerMessage(TypedDict, total=False):
    """What a worker sends."""

    kind: str
    """`step`, `line` (an audit's), `took` (the donor's audit was copied), `done`, `stopped`, `failed`."""
    step: int
    text: str
    """The audit's line, the note beside the progress bar, the donor's folder, or why the run failed."""


def main() -> int:
    """0: done; 130: stopped; 2: wrong input, or a training that failed, in one sentence; 1: anything else."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the study decides, and closes stdin
    task: WorkerTask = json.loads(_first_line())
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    stop = Event()
    Thread(target=_wait_for_end_of_stdin, args=(stop,), daemon=True).start()

    def send(message: WorkerMessage) -> None:
        try:
            channel.write(json.dumps(message) + "\n")
            channel.flush()
        except OSError:  # the study is gone
            stop.set()

    try:
        return run_task(task, stop.is_set, send)
    except UnswayedError as error:
        traceback.print_exc()
        send({"kind": "failed", "text": str(error)})
        return 2
    except Exception as error:
        traceback.print_exc()
        send({"kind": "failed", "text": f"{type(error).__name__}: {error}"})
        return 1


def run_task(task: WorkerTask, stop: Callable[[], bool], send: Callable[[WorkerMessage], None]) -> int:
    """Trains; 0 once all is done, `STOPPED` when stopped before."""
    if task["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["cores"])
    out = Path(task["out"])
    if not wait_until_free(out, stop):
        send({"kind": "stopped"})
        return STOPPED
    from unswayed.study.initial_audit import copy_initial_audit
    from unswayed.training.config.loader import build_config
    from unswayed.training.grpo.run import train

    config = build_config(task["config"])
    if task["donor"] and copy_initial_audit(Path(task["donor"]), out, config):
        send({"kind": "took", "text": task["donor"]})
    done = train(
        config,
        out,
        stop=stop,
        on_progress=lambda step, steps, note: send({"kind": "step", "step": step, "text": note}),
        on_message=lambda line: send({"kind": "line", "text": line}),
    )
    send({"kind": "done" if done else "stopped"})
    return 0 if done else STOPPED


def wait_until_free(out: Path, stop: Callable[[], bool]) -> bool:
    """Waits until no process writes to the run's folder, as the worker of a killed study may for one more
    step.

    False where it is stopped before.
    """
    while True:
        try:
            Lock(out).close()
            return True
        except BadInput:
            if stop():
                return False
            time.sleep(0.2)


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)
        if not byte:
            sys.exit(STOPPED)
        line += byte
    return line


def _wait_for_end_of_stdin(stop: Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
