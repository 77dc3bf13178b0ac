"""The audit of a model while it trains: the same questions, greedy, every so many steps.

The live model is asked, without a second copy, by the audit itself; what it said is kept as an ordinary
run folder a step, and every measure joins one long table. The audit leaves the training as it found it:
random states and training mode are restored, so a run with audits learns what one without them learns.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import TrainerCallback

from unswayed.benchmarks.registry import Questions
from unswayed.metrics.summary import Estimate, Summary
from unswayed.model_io import Sampling
from unswayed.pipeline.audit import Run, audit
from unswayed.store.atomic_files import write_whole
from unswayed.store.study_records import DYNAMICS as SCHEMA
from unswayed.training import token_stats
from unswayed.training.blind_reader import (
    Reader,
    Thought,
    agreement,
    mean_gain,
)
from unswayed.training.config.common import Training
from unswayed.training.token_stats import Listener, Reread, Start
from unswayed.trial_keys import trial_seed


@dataclass(frozen=True)
class Point:
    """One row of the table; see `SCHEMA`."""

    step: int
    arm: str
    seed: int
    condition: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int


def points(summary: Summary, step: int, arm: str, seed: int) -> Iterator[Point]:
    """All numbers of one audit."""
    for row in summary.rows:
        for name, e in row.measures.items():
            yield Point(step, arm, seed, row.condition, name, e.value, e.low, e.high, e.n)
        for state, count in row.states.items():
            if row.asked and state != "not-asked":
                share = count / row.asked
                yield Point(step, arm, seed, row.condition, f"state_{state}", share, None, None, row.asked)
        for name, value in summary.health.get(row.condition, {}).items():
            yield Point(step, arm, seed, row.condition, f"health_{name}", value, None, None, row.asked)
    for name, e in summary.overall.items():
        yield Point(step, arm, seed, "all", name, e.value, e.low, e.high, e.n)


class Ledger:
    """The table on the disk: lines are appended, and the Parquet file is made anew from them."""

    def __init__(self, folder: Path) -> None:
        self.lines = folder / "dynamics.jsonl"
        self.table = folder / "dynamics.parquet"

    def read(self) -> list[dict[str, Any]]:
        """All rows; a last line that was cut off is none."""
        if not self.lines.exists():
            return []
        whole = self.lines.read_text("utf-8").split("\n")[:-1]
        return [json.loads(line) for line in whole]

    def add(self, rows: Sequence[Point]) -> None:
        """Replace what the table says of these rows' steps by these rows."""
        steps = {row.step for row in rows}
        kept = [old for old in self.read() if old["step"] not in steps]
        self._write(kept + [asdict(row) for row in rows])

    def cut(self, step: int) -> None:
        """Forget what was measured behind a step, where a run goes on from there."""
        self._write([row for row in self.read() if row["step"] <= step])

    def _write(self, rows: list[dict[str, Any]]) -> None:
        write_whole(self.lines, "".join(json.dumps(row) + "\n" for row in rows).encode())
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), sink)
        write_whole(self.table, sink.getvalue().to_pybytes())


@contextmanager
def unnoticed() -> Iterator[None]:
    """Random states of Python, NumPy and torch as they were, whatever happens inside."""
    state, numbers = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(state)
            np.random.set_state(numbers)


class Auditor(TrainerCallback):  # type: ignore[misc]
    """Audits the model in training before the first step, every `audit.every` steps and after the last."""

    def __init__(
        self,
        processor: Any,
        questions: Questions,
        config: Training,
        folder: Path,
        told: Callable[[str], None],
        reader: Reader | None = None,
        start: Start | None = None,
    ) -> None:
        """`folder`: the run's; `told` gets a line an audit; `reader` reads the thoughts blind, if given;
        `start` gives the first weights, to which KL is measured."""
        self._processor, self._questions, self._config = processor, questions, config
        self._folder = folder
        self._told = told
        self._reader = reader
        self.start = start
        self.publish: Callable[[Mapping[str, float]], None] = lambda logs: None
        """Gets every number of an audit as ``audit/CONDITION/MEASURE``: for trackers."""
        self._last = -1
        self.ledger = Ledger(folder)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        done = {row["step"] for row in self.ledger.read()}
        self.ledger.cut(state.global_step)
        for old in (self._folder / "audits").glob("step-*"):
            if int(old.name.removeprefix("step-")) > state.global_step:
                shutil.rmtree(old)
        if state.global_step not in done and self._due(state):
            self.measure(model, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if self._due(state):
            self.measure(model, state.global_step)

    def _due(self, state: Any) -> bool:
        last = state.global_step >= state.max_steps
        return bool(last or state.global_step % self._config.audit.every == 0)

    def measure(self, model: Any, step: int) -> Summary | None:
        """Audit the model as it is now; None where this process is not the first, or it was just done."""
        if step == self._last or os.environ.get("RANK", "0") != "0":
            return None
        self._last = step
        with unnoticed():
            run, read = self._audit(model, step)
            summary = run.summary()
            more = self._policy(read)
            more += asyncio.run(self._blind(run)) if self._reader else []
        arm, seed = self._config.arm, self._config.seed
        rows = list(points(summary, step, arm, seed))
        rows += [Point(step, arm, seed, c, name, e.value, e.low, e.high, e.n) for c, name, e in more]
        self.ledger.add(rows)
        self.publish({f"audit/{r.condition}/{r.measure}": r.value for r in rows if r.value is not None})
        self._told(headline(summary, step))
        return summary

    async def _blind(self, run: Run) -> list[tuple[str, str, Estimate]]:
        """(condition, measure, estimate) of the blind reader: all readable trials with a thought."""
        assert self._reader is not None
        questions = {(q.benchmark, q.uid): q for q in self._questions}
        by_condition: dict[str, list[dict[str, Any]]] = {}
        for row in run.trials.to_pylist():
            if row["state"] == "ok" and row["thought"]:
                by_condition.setdefault(row["condition"], []).append(row)
        out = []
        for condition, rows in by_condition.items():
            thoughts = [
                Thought(questions[row["benchmark"], row["uid"]], tuple(row["options"]), row["thought"])
                for row in rows
            ]
            groups = [row["group"] for row in rows]
            read = await self._reader.read(thoughts)
            out.append((condition, "reader_agreement", agreement(read, [r["answer"] for r in rows], groups)))
            out.append((condition, "reader_correct", agreement(read, [r["gold"] for r in rows], groups)))
            gains = await self._reader.gains(thoughts)
            out.append((condition, "masked_gain", mean_gain(gains, groups)))
        return out

    def _policy(self, read: Mapping[int, Reread]) -> list[tuple[str, str, Estimate]]:
        """(condition, measure, estimate) of what the weights say of every generation."""
        how, out = self._config.audit, []
        for condition in how.conditions:
            mine = [(read.get(trial_seed(how.seed, q, condition, 0)), q.group) for q in self._questions]
            found = token_stats.measure([(one, group) for one, group in mine if one is not None])
            out += [(condition, name, estimate) for name, estimate in found.items()]
        return out

    def _audit(self, model: Any, step: int) -> tuple[Run, dict[int, Reread]]:
        """The audit of the model as it is now, and its generations token by token."""
        how = self._config.audit
        backend = Listener.wrap(
            getattr(model, "module", model),
            self._processor,
            name=f"{self._config.arm}-seed-{self._config.seed}",
            revision=f"step-{step}",
            batch_size=how.batch or "auto",
        )
        folder = self._folder / "audits" / f"step-{step:06d}"
        shutil.rmtree(folder, ignore_errors=True)  # begun, and cut off: its answers may be another model's

        async def go() -> tuple[Run, dict[int, Reread]]:
            try:
                run = await audit(
                    backend,
                    self._questions,
                    list(how.conditions),
                    sampling=Sampling(max_tokens=how.max_tokens),
                    letters=how.letters,
                    seed=how.seed,
                    store=folder,
                    about={
                        "benchmark": self._questions.name,
                        "version": self._questions.version,
                        "step": step,
                    },
                )
                return run, await backend.reread(self.start)
            finally:
                await backend.close()

        return asyncio.run(go())


def headline(summary: Summary, step: int) -> str:
    """One line: accuracy, and consistency where it is known, by condition."""
    said = []
    for row in summary.rows:
        accuracy, agrees = row.measures["accuracy"].value, row.measures.get("consistency")
        if accuracy is not None:
            more = f" ({agrees.value:.0%} consistent)" if agrees and agrees.value is not None else ""
            said.append(f"{row.condition} {accuracy:.0%}{more}")
    return f"step {step}: " + ", ".join(said)
