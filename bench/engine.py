"""What the engine costs: CPU per trial against an instant respondent, records stored and not.

    python bench/engine.py [QUESTIONS]

Four conditions, letters, rules as judge, a picture in every request. Target: 1.5 ms a trial.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import tempfile
import time
from pathlib import Path

import unswayed
from unswayed.backends import open_backend

CONDITIONS = ["base", "wrong-caption", "wrong-think", "stop-think"]


def cost(questions: unswayed.benchmarks.registry.Questions, store: Path | None) -> float:
    """CPU milliseconds a trial."""
    backend = open_backend("scripted:oracle", questions)
    began = time.process_time()
    run = asyncio.run(unswayed.audit(backend, questions, CONDITIONS, store=store))
    return (time.process_time() - began) / run.trials.num_rows * 1000


def main() -> None:
    limit = int(sys.argv[1]) if len(sys.argv) > 1 else 2500
    questions = unswayed.load_questions("scenes", limit=limit)
    for image in (question.images[0] for question in questions):
        image.read()
    with tempfile.TemporaryDirectory() as folder:
        for name, store in (("without a run folder", None), ("with a run folder", Path(folder) / "run")):
            print(f"{name}: {cost(questions, store):.2f} ms of CPU a trial")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{limit * len(CONDITIONS):,} trials each; peak memory {peak:.0f} MB")


if __name__ == "__main__":
    main()
