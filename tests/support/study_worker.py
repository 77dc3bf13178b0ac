"""A worker whose training is a file that counts: everything but the training itself is the real one.

What it does hangs on the arm's name: ``fails…`` ends with an error, ``dies…`` is killed at its second step,
unless it was once before. Every step made is a line of ``steps.txt``; a step counts once it is saved.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from unswayed.errors import BadInput
from unswayed.store.atomic_files import Lock
from unswayed.study import worker

PAUSE = 0.03


def work(task: Any, stop: Any, tell: Any) -> int:
    out, config = Path(task["out"]), task["config"]
    if not worker.wait_until_free(out, stop):
        tell({"kind": "stopped"})
        return 130
    lock = Lock(out)
    made = out / "steps.txt"
    before = len(made.read_text().splitlines()) if made.exists() else 0
    (out / "cores.json").write_text(json.dumps(task["cores"]))
    (out / "donor.txt").write_text(task["donor"])
    (out / "dynamics.jsonl").touch()
    with (out / "hours.txt").open("a") as hours:
        hours.write(f"{time.monotonic()} begun\n")
    for step in range(before + 1, config["grpo"]["steps"] + 1):
        time.sleep(PAUSE)
        if config["arm"].startswith("fails") and step == 2 and not (out / "mended").exists():
            raise BadInput("step 2: the loss is nan; it diverged")
        if config["arm"].startswith("dies") and step == 2 and not (out / "died").exists():
            (out / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        with made.open("a") as lines:
            lines.write(f"{step}\n")
        tell({"kind": "step", "step": step, "text": "reward 0.00"})
        if stop() and step < config["grpo"]["steps"]:
            tell({"kind": "stopped"})
            return 130
    tell({"kind": "line", "text": "step 9: base 50%"})
    (out / "model").mkdir()
    (out / "model" / "weights").write_text(f"{config['arm']} {config['seed']}")
    with (out / "hours.txt").open("a") as hours:
        hours.write(f"{time.monotonic()} ended\n")
    lock.close()
    tell({"kind": "done"})
    return 0


worker.run_task = work

if __name__ == "__main__":
    sys.exit(worker.main())
