"""One run of a study, in a process of its own: ``python -m unswayed.study.worker``.

It is told what to do in one line of JSON on stdin, and to stop by the end of stdin, which comes also when
the study is killed: the step under way is then ended and saved. What it has to tell goes to stdout, a line
of JSON each (`Word`); whatever libraries print goes to stderr, which is the run's `log.txt`.
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


class Task(TypedDict):
    """What a worker is told."""

    config: dict[str, Any]
    """All settings, as `unswayed.training.config.loader.as_dict` gives them."""
    out: str
    """The run's folder; it exists."""
    cores: list[int]
    """CPU cores to stay on; empty: any."""
    donor: str
    """Folder of a run whose audit before the first step is this one's too; empty: none."""


class Word(TypedDict, total=False):
    """What a worker tells."""

    kind: str
    """`step`, `line` (an audit's), `took` (the donor's audit), `done`, `stopped`, `failed`."""
    step: int
    text: str
    """The audit's line, the note beside the progress bar, or why it failed."""


def main() -> int:
    """0: done; 130: stopped; 2: wrong input, or a training that failed, in one sentence; 1: anything else."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the study decides, and closes stdin
    task: Task = json.loads(_first_line())
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    stop = Event()
    Thread(target=_until_the_end, args=(stop,), daemon=True).start()

    def tell(word: Word) -> None:
        try:
            channel.write(json.dumps(word) + "\n")
            channel.flush()
        except OSError:  # nobody listens any more
            stop.set()

    try:
        return work(task, stop.is_set, tell)
    except UnswayedError as error:
        traceback.print_exc()
        tell({"kind": "failed", "text": str(error)})
        return 2
    except Exception as error:
        traceback.print_exc()
        tell({"kind": "failed", "text": f"{type(error).__name__}: {error}"})
        return 1


def work(task: Task, stop: Callable[[], bool], tell: Callable[[Word], None]) -> int:
    """Train; 0 once all is done, 130 when stopped before."""
    if task["cores"] and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, task["cores"])
    out = Path(task["out"])
    if not free(out, stop):
        tell({"kind": "stopped"})
        return 130
    from unswayed.study.initial_audit import take
    from unswayed.training.config.loader import make
    from unswayed.training.run import train

    config = make(task["config"])
    if task["donor"] and take(Path(task["donor"]), out, config):
        tell({"kind": "took", "text": task["donor"]})
    done = train(
        config,
        out,
        stop=stop,
        progress=lambda step, steps, note: tell({"kind": "step", "step": step, "text": note}),
        told=lambda line: tell({"kind": "line", "text": line}),
    )
    tell({"kind": "done" if done else "stopped"})
    return 0 if done else 130


def free(out: Path, stop: Callable[[], bool]) -> bool:
    """Wait until nobody writes to the run's folder, as the worker of a killed study may for one step more;
    False where it is stopped before."""
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
        piece = os.read(0, 1)
        if not piece:
            sys.exit(130)
        line += piece
    return line


def _until_the_end(stop: Event) -> None:
    while os.read(0, 4096):
        pass
    stop.set()


if __name__ == "__main__":
    sys.exit(main())
