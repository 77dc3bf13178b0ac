"""The audit before the first step, taken over from a run that has made the same one.

Decided here: when it is the same. It asks the first weights, greedily, under the audit's own seed, so arms
and seeds do not matter to it; whatever else could is compared. The blind reader shuffles by the run's seed,
so with it that must be the same too; trackers hear of an audit only where it is made. A test holds the
numbers, steps and weights of a run that took one over against those of the run alone.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

from unswayed.training.config.grpo import Config


def alike(one: Config, other: Config) -> bool:
    """The run `one` can take over the audit before the first step of `other`."""
    if not one.audit.every or one.save.report_to:
        return False
    parts = [
        (c.model, c.data, c.audit, c.grpo.peft_rank, c.seed if c.audit.reader else 0) for c in (one, other)
    ]
    return parts[0] == parts[1]


def take(donor: Path, out: Path, config: Config) -> bool:
    """Copy the donor's audit, its numbers under this run's name; False where either folder is not fit.

    The numbers are written last: killed before, the run measures for itself.
    """
    from unswayed.training.evaluation import Ledger, Point

    own, others = Ledger(out), Ledger(donor)
    rows = [row for row in others.read() if row["step"] == 0]
    source, target = (folder / "audits" / f"step-{0:06d}" for folder in (donor, out))
    if (
        own.read()
        or any((out / "checkpoints").glob("*"))
        or not rows
        or not (source / "trials.parquet").exists()
    ):
        return False
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, ignore=shutil.ignore_patterns(".*"))
    own.add([replace(Point(**row), arm=config.arm, seed=config.seed) for row in rows])
    return True
