"""Lets the judges of a suite read the thoughts of its finished runs, one run after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from unswayed.backends.base import Backend
from unswayed.errors import UnswayedError
from unswayed.judges.base import Judge
from unswayed.pipeline.rejudge import judge_run
from unswayed.pipeline.runner import Progress
from unswayed.suite.opening import open_suite_judge
from unswayed.suite.plan import Cell
from unswayed.suite.settings import Suite
from unswayed.suite.state import CellState, StateFile


async def judge_cells(
    suite: Suite,
    cells: Sequence[Cell],
    folder: Path,
    state: StateFile,
    progress: Callable[[str], Progress],
    failed: Callable[[CellState], None],
) -> None:
    """Judge the runs of `cells` in `folder`, and record in `state` why a run could not be judged.

    `progress` makes the callback of one run from its label; `failed` is told of every run that failed.
    """
    if not suite.judges or not cells:
        return
    judges: list[Judge] = []
    opened: list[Backend] = []

    def unjudged(cell: Cell, reason: str) -> None:
        known = replace(state[cell.name], reason=f"judging: {reason}")
        state.update(known)
        failed(known)

    try:
        try:
            for settings in suite.judges.values():
                judge, backend = await open_suite_judge(settings)
                judges.append(judge)
                opened += [backend] if backend else []
        except UnswayedError as error:
            for cell in cells:
                unjudged(cell, error_text(error))
            return
        for cell in cells:
            try:
                result = await judge_run(
                    cell.folder(folder), judges, progress=progress(f"judging {cell.name}")
                )
            except Exception as error:
                unjudged(cell, error_text(error))
                continue
            if any(result.failed.values()):
                worst = max(result.failed, key=lambda name: result.failed[name])
                unjudged(cell, f"{worst} could not be asked about {result.failed[worst]:,} thoughts")
            elif state[cell.name].reason:
                state.update(replace(state[cell.name], reason=""))
    finally:
        await asyncio.gather(*(backend.close() for backend in opened), return_exceptions=True)


def error_text(error: Exception) -> str:
    """An error in one sentence; the type is named where it is not one of ours."""
    text = str(error) or type(error).__name__
    return text if isinstance(error, UnswayedError) else f"{type(error).__name__}: {text}"
