"""Runs the cells of a suite: endpoints several at once, local models one after the other.

A cell that fails is recorded and the others go on. A cell that is finished is not asked again; one that was
interrupted is resumed from its run folder. Judges read the thoughts once all models were asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Protocol

from unswayed.backends.base import Backend, optional_parts
from unswayed.benchmarks import registry
from unswayed.benchmarks.questions import Questions
from unswayed.cues import cue_file
from unswayed.errors import BackendError, BadInput
from unswayed.formats.registry import find_format, model_name
from unswayed.metrics.benchmark_scores import benchmark_scores
from unswayed.pipeline.audit import Run, audit
from unswayed.question import Question
from unswayed.store import manifest as manifests
from unswayed.store.atomic_files import Lock, os_errors_as_bad_input
from unswayed.suite.judging import error_text, judge_cells
from unswayed.suite.opening import open_model
from unswayed.suite.plan import Cell, settings_digest
from unswayed.suite.settings import Suite
from unswayed.suite.state import CellState, StateFile
from unswayed.suite.stopping import Stop, batches, drops, parse_until, precise


class SuiteObserver(Protocol):
    """Who is told how far a suite is."""

    def progress(self, cell: str, done: int, total: int | None, note: str) -> None:
        """Trials of one cell; called often. Under the name ``judging``: thoughts read."""

    def ended(self, cell: CellState) -> None:
        """A cell is done or has failed, or was done before."""


def run_suite(suite: Suite, cells: Sequence[Cell], folder: Path, observer: SuiteObserver) -> list[CellState]:
    """Ask what `cells` have still to ask, in `folder`; the state of each.

    Raises `BadInput` where another process writes to the folder.
    """
    with os_errors_as_bad_input(folder):
        folder.mkdir(parents=True, exist_ok=True)
    lock = Lock(folder)
    try:
        runner = _Runner(suite, folder, observer)
        asyncio.run(runner.run(cells))
        return [runner.state[c.name] for c in cells]
    finally:
        lock.close()


def describe(suite: Suite) -> dict[str, Any]:
    """What ``suite.json`` says of the suite itself."""
    return {
        "title": suite.title,
        "settings": asdict(suite.settings),
        "models": {name: asdict(model) for name, model in suite.models.items()},
        "benchmarks": {name: asdict(benchmark) for name, benchmark in suite.benchmarks.items()},
        "judges": {name: asdict(judge) for name, judge in suite.judges.items()},
    }


class _Runner:
    def __init__(self, suite: Suite, folder: Path, observer: SuiteObserver) -> None:
        self._suite, self._folder, self._observer = suite, folder, observer
        self.state = StateFile(folder, describe(suite))
        self._questions: dict[str, asyncio.Task[Questions]] = {}
        self._endpoints = asyncio.Semaphore(suite.settings.endpoints)
        self._local = asyncio.Lock()

    async def run(self, cells: Sequence[Cell]) -> None:
        self.state.write()
        by_model: dict[str, list[Cell]] = {}
        for cell in cells:
            by_model.setdefault(cell.model, []).append(cell)
        try:
            async with asyncio.TaskGroup() as group:
                for name, of_model in by_model.items():
                    group.create_task(self._ask_model(name, of_model))
        except BaseExceptionGroup as errors:  # the folder cannot be written to, or an interruption
            raise errors.exceptions[0] from None
        await judge_cells(
            self._suite,
            [c for c in cells if self.state[c.name].state == "done"],
            self._folder,
            self.state,
            self._progress,
            self._observer.ended,
        )

    async def _ask_model(self, name: str, cells: Sequence[Cell]) -> None:
        gate = self._endpoints if self._suite.models[name].remote else self._local
        async with gate:
            backend: Backend | None = None
            lost = ""  # why the model cannot be asked at all
            try:
                for cell in cells:
                    if self._is_done(cell):
                        self._observer.ended(self.state[cell.name])
                        continue
                    if lost:
                        self._fail(cell, f"not asked, for the model failed before: {lost}")
                        continue
                    try:
                        questions = await self._load(cell.benchmark)
                        if backend is None or self._suite.models[name].scripted:  # bound to its questions
                            backend = await open_model(self._suite.models[name], questions)
                    except Exception as error:
                        self._fail(cell, error_text(error))
                        continue
                    lost = await self._ask(cell, backend, questions)
            finally:
                if backend is not None:
                    with contextlib.suppress(Exception):  # its answers are stored
                        await backend.close()

    async def _ask(self, cell: Cell, backend: Backend, questions: Questions) -> str:
        """Ask one cell. Returns why its model cannot be asked any more, else nothing."""
        suite, model, started = self._suite, self._suite.models[cell.model], time.monotonic()
        before = self.state[cell.name].seconds
        self.state.update(CellState(cell.name, "running", settings_digest(suite, cell), seconds=before))
        stop: Stop | None = None
        try:
            cues = self._cues(cell.benchmark)
            prompt_format = find_format(
                suite.format_spec(model), model_name(model.model), optional_parts(backend).chat_template
            )

            async def ask(batch: Sequence[Question]) -> Run:
                return await audit(
                    backend,
                    batch,
                    cell.conditions,
                    cues=cues,
                    sampling=model.sampling.sampling(),
                    format=prompt_format,
                    samples=suite.settings.samples,
                    letters=model.letters,
                    seed=suite.settings.seed if model.seed < 0 else model.seed,
                    store=cell.folder(self._folder),
                    about=self._about(cell, questions, cues),
                    progress=self._progress(cell.name),
                )

            if suite.settings.until:
                run, stop = await self._ask_until(questions, ask, parse_until(suite.settings.until))
            else:
                run = await ask(questions)
        except Exception as error:
            self._fail(cell, error_text(error), time.monotonic() - started)
            return error_text(error) if isinstance(error, BackendError) else ""
        states = Counter(run.trials["state"].to_pylist())
        ended = replace(
            self.state[cell.name],
            state="done",
            trials=run.trials.num_rows,
            errors=states["error"],
            seconds=round(before + time.monotonic() - started, 1),
            reason=_without_answer(run, states),
            stop=asdict(stop) if stop else None,
            scores=_official_scores(run, questions),
        )
        if ended.reason:
            ended = replace(ended, state="failed")
        self.state.update(ended)
        self._observer.ended(ended)
        return ""

    async def _ask_until(
        self, questions: Questions, ask: Callable[[Sequence[Question]], Awaitable[Run]], target: float
    ) -> tuple[Run, Stop]:
        """Ask growing batches until every drop is within ± `target`, or all is asked."""
        groups = len({question.group for question in questions})
        for batch in batches(questions, self._suite.settings.seed):
            run = await ask(batch)
            found = drops(run.trials, groups)
            if precise(found, target):
                break
        return run, Stop(len(batch), len(questions), found)

    def _fail(self, cell: Cell, reason: str, seconds: float = 0.0) -> None:
        before = self.state[cell.name].seconds
        failed = CellState(
            cell.name,
            "failed",
            settings_digest(self._suite, cell),
            seconds=round(before + seconds, 1),
            reason=reason,
        )
        self.state.update(failed)
        self._observer.ended(failed)

    def _is_done(self, cell: Cell) -> bool:
        """Whether the cell's run is finished without a failed trial, with the settings of now."""
        known = self.state[cell.name]
        if known.state != "done" or known.errors or known.settings != settings_digest(self._suite, cell):
            return False
        path = cell.folder(self._folder) / manifests.FILE
        return path.is_file() and bool(manifests.read(path).get("finished"))

    async def _load(self, name: str) -> Questions:
        """The questions of a benchmark, read once for all models."""
        if name not in self._questions:
            settings = self._suite.benchmarks[name]
            self._questions[name] = asyncio.create_task(
                asyncio.to_thread(
                    registry.load,
                    self._suite.place(settings.benchmark)
                    if settings.benchmark.endswith((".tsv", ".gz"))
                    else settings.benchmark,
                    split=settings.split or None,
                    limit=settings.limit or None,
                    seed=self._suite.settings.seed,
                    data=self._suite.place(settings.data) if settings.data else None,
                )
            )
        return await self._questions[name]

    def _cues(self, benchmark: str) -> cue_file.CueFile | None:
        name = self._suite.benchmarks[benchmark].cues
        return cue_file.read_for_audit(self._suite.place(name)) if name else None

    def _about(self, cell: Cell, questions: Questions, cues: cue_file.CueFile | None) -> dict[str, Any]:
        settings = self._suite.benchmarks[cell.benchmark]
        about = {
            "benchmark": questions.name,
            "version": questions.version,
            "split": settings.split,
            "limit": settings.limit or None,
            "questions": len(questions),
            "left_out": len(questions.skipped),
        }
        if self._suite.settings.until:
            about["until"] = self._suite.settings.until
        return about | ({"cues": cues.sha256} if cues else {})

    def _progress(self, name: str) -> Callable[[int, int | None, str], None]:
        def told(done: int, total: int | None, note: str = "") -> None:
            self._observer.progress(name, done, total, note)

        return told


def _official_scores(run: Run, questions: Questions) -> tuple[dict[str, Any], ...]:
    """The scores that the benchmark's authors define, under base; empty where base was not answered."""
    try:
        scores = benchmark_scores(run.trials, questions)
    except BadInput:
        return ()
    return tuple(
        {"name": s.name, "meaning": s.meaning, "incomplete": s.incomplete, **asdict(s.estimate)}
        for s in scores
    )


def _without_answer(run: Run, states: Counter[str]) -> str:
    """Why a finished audit measured nothing; empty where the model answered at least once."""
    if set(states) - {"error", "not-asked"}:
        return ""
    reasons = Counter(str(text) for text in run.trials["error"].to_pylist() if text)
    if not reasons:
        return "there is no question, so nothing was asked"
    return f"no trial was answered; most frequent reason: {reasons.most_common(1)[0][0]}"
