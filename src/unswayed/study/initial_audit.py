"""Reuses the audit before the first step of a run that has made an equal one.

That audit is of the first weights, greedy, with the audit's own seed, so arm and seed of the run do not
matter to it; everything else that could is compared. The blind reader shuffles by the run's seed, so with it
that must be equal too; trackers get an audit only where it is made. A test compares numbers, steps and
weights of a run with a reused audit with those of a run of its own.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

from unswayed.training.config.grpo import GrpoConfig


def same_initial_audit(config: GrpoConfig, other: GrpoConfig) -> bool:
    """Whether a run of `config` can reuse the audit before the first step of a run of `other`."""
    if not config.audit.every or config.save.report_to:
        return False

    def relevant(c: GrpoConfig) -> tuple[Any, ...]:
        return c.model, c.data, c.audit, c.grpo.peft_rank, c.seed if c.audit.reader else 0

    return relevant(config) == relevant(other)


def copy_initial_audit(donor: Path, out: Path, config: GrpoConfig) -> bool:
    """Copies the donor's audit, with its numbers under this run's name; False where either folder does not
    allow it.

    The numbers are written last: if it is killed before, the run makes the audit itself.
    """
    from unswayed.training.evaluation import DynamicsRow, DynamicsTable

    own, others = DynamicsTable(out), DynamicsTable(donor)
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
    own.add([replace(DynamicsRow(**row), arm=config.arm, seed=config.seed) for row in rows])
    return True
