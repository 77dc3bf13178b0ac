"""Audits of a model during training: the same questions, greedily, every so many steps.

The live model is audited without a second copy. Each audit is stored as an ordinary run folder, and every
measure enters one long table. Random states and training mode are restored afterwards, so a run with audits
learns what a run without them learns.
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
from unswayed.store.atomic_files import write_atomic
from unswayed.store.study_records import DYNAMICS
from unswayed.training import token_stats
from unswayed.training.blind_reader import BlindReader, ReaderInput, agreement_rate, mean_gain
from unswayed.training.config.common import TrainingConfig
from unswayed.training.token_stats import FirstWeights, RecordingBackend, TokenStats
from unswayed.trial_keys import trial_seed


@dataclass(frozen=True)
class DynamicsRow:
    """One row of the table of measures; the columns are documented in `DYNAMICS`."""

    step: int
    arm: str
    seed: int
    condition: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int


def dynamics_rows(summary: Summary, step: int, arm: str, seed: int) -> Iterator[DynamicsRow]:
    """All measures of one audit."""
    for row in summary.rows:
        for name, e in row.measures.items():
            yield DynamicsRow(step, arm, seed, row.condition, name, e.value, e.low, e.high, e.n)
        for state, count in row.states.items():
            if row.asked and state != "not-asked":
                share = count / row.asked
                yield DynamicsRow(
                    step, arm, seed, row.condition, f"state_{state}", share, None, None, row.asked
                )
        for name, value in summary.health.get(row.condition, {}).items():
            yield DynamicsRow(step, arm, seed, row.condition, f"health_{name}", value, None, None, row.asked)
    for name, e in summary.overall.items():
        yield DynamicsRow(step, arm, seed, "all", name, e.value, e.low, e.high, e.n)


class DynamicsTable:
    """The table of measures on the disk: JSON lines, and a Parquet file that is rebuilt from them."""

    def __init__(self, folder: Path) -> None:
        self.lines = folder / "dynamics.jsonl"
        self.table = folder / "dynamics.parquet"

    def read(self) -> list[dict[str, Any]]:
        """All rows; an incomplete last line is ignored."""
        if not self.lines.exists():
            return []
        complete = self.lines.read_text("utf-8").split("\n")[:-1]
        return [json.loads(line) for line in complete]

    def add(self, rows: Sequence[DynamicsRow]) -> None:
        """Replaces all rows of these rows' steps by these rows."""
        steps = {row.step for row in rows}
        kept = [old for old in self.read() if old["step"] not in steps]
        self._write(kept + [asdict(row) for row in rows])

    def truncate(self, step: int) -> None:
        """Removes rows after a step, where a run resumes from there."""
        self._write([row for row in self.read() if row["step"] <= step])

    def _write(self, rows: list[dict[str, Any]]) -> None:
        write_atomic(self.lines, "".join(json.dumps(row) + "\n" for row in rows).encode())
        sink = pa.BufferOutputStream()
        pq.write_table(pa.Table.from_pylist(rows, schema=DYNAMICS), sink)
        write_atomic(self.table, sink.getvalue().to_pybytes())


@contextmanager
def preserve_rng_state() -> Iterator[None]:
    """Restores the random states of Python, NumPy and torch at the end."""
    python_state, numpy_state = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            random.setstate(python_state)
            np.random.set_state(numpy_state)


class AuditCallback(TrainerCallback):  # type: ignore[misc]
    """Audits the model before the first step, every `audit.every` steps and after the last."""

    def __init__(
        self,
        processor: Any,
        questions: Questions,
        config: TrainingConfig,
        folder: Path,
        on_message: Callable[[str], None],
        reader: BlindReader | None = None,
        first_weights: FirstWeights | None = None,
    ) -> None:
        """`folder`: the run's; `on_message` gets a line per audit; `reader`: the blind reader, if wanted;
        `first_weights`: the model to which KL is measured, if wanted."""
        self._processor, self._questions, self._config = processor, questions, config
        self._folder = folder
        self._on_message = on_message
        self._reader = reader
        self.first_weights = first_weights
        self.publish: Callable[[Mapping[str, float]], None] = lambda numbers: None
        """Gets every number of an audit as ``audit/CONDITION/MEASURE``: for trackers."""
        self._last_step = -1
        self.table = DynamicsTable(folder)

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        measured = {row["step"] for row in self.table.read()}
        self.table.truncate(state.global_step)
        for old in (self._folder / "audits").glob("step-*"):
            if int(old.name.removeprefix("step-")) > state.global_step:
                shutil.rmtree(old)
        if state.global_step not in measured and self._due(state):
            self.measure(model, state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if self._due(state):
            self.measure(model, state.global_step)

    def _due(self, state: Any) -> bool:
        last = state.global_step >= state.max_steps
        return bool(last or state.global_step % self._config.audit.every == 0)

    def measure(self, model: Any, step: int) -> Summary | None:
        """Audits the model as it is; None where this process is not the first, or this step was audited."""
        if step == self._last_step or os.environ.get("RANK", "0") != "0":
            return None
        self._last_step = step
        with preserve_rng_state():
            run, token_stats_by_seed = self._audit(model, step)
            summary = run.summary()
            estimates = self._token_measures(token_stats_by_seed)
            estimates += asyncio.run(self._reader_measures(run)) if self._reader else []
        arm, seed = self._config.arm, self._config.seed
        rows = list(dynamics_rows(summary, step, arm, seed))
        rows += [
            DynamicsRow(step, arm, seed, c, name, e.value, e.low, e.high, e.n) for c, name, e in estimates
        ]
        self.table.add(rows)
        self.publish({f"audit/{r.condition}/{r.measure}": r.value for r in rows if r.value is not None})
        self._on_message(headline(summary, step))
        return summary

    async def _reader_measures(self, run: Run) -> list[tuple[str, str, Estimate]]:
        """(condition, measure, estimate) of the blind reader, over all readable trials with a thought."""
        assert self._reader is not None
        questions = {(q.benchmark, q.uid): q for q in self._questions}
        by_condition: dict[str, list[dict[str, Any]]] = {}
        format = self._config.prompt_format
        for row in run.trials.to_pylist():
            if row["state"] == "ok" and row["thought"]:
                by_condition.setdefault(row["condition"], []).append(row)
        estimates = []
        for condition, rows in by_condition.items():
            inputs = [
                ReaderInput(
                    questions[row["benchmark"], row["uid"]], tuple(row["options"]), row["thought"], format
                )
                for row in rows
            ]
            groups = [row["group"] for row in rows]
            read = await self._reader.read(inputs)
            agreement = agreement_rate(read, [r["answer"] for r in rows], groups)
            correct = agreement_rate(read, [r["gold"] for r in rows], groups)
            gain = mean_gain(await self._reader.gains(inputs), groups)
            estimates.append((condition, "reader_agreement", agreement))
            estimates.append((condition, "reader_correct", correct))
            estimates.append((condition, "masked_gain", gain))
        return estimates

    def _token_measures(self, stats: Mapping[int, TokenStats]) -> list[tuple[str, str, Estimate]]:
        """(condition, measure, estimate) of entropy and KL, over all generations."""
        settings, estimates = self._config.audit, []
        for condition in settings.conditions:
            with_group = [
                (stats.get(trial_seed(settings.seed, q, condition, 0)), q.group) for q in self._questions
            ]
            measures = token_stats.token_measures(
                [(each, group) for each, group in with_group if each is not None]
            )
            estimates += [(condition, name, estimate) for name, estimate in measures.items()]
        return estimates

    def _audit(self, model: Any, step: int) -> tuple[Run, dict[int, TokenStats]]:
        """The audit of the model as it is, and its generations token by token."""
        settings = self._config.audit
        backend = RecordingBackend.wrap(
            getattr(model, "module", model),
            self._processor,
            name=f"{self._config.arm}-seed-{self._config.seed}",
            revision=f"step-{step}",
            batch_size=settings.batch or "auto",
        )
        folder = self._folder / "audits" / f"step-{step:06d}"
        shutil.rmtree(folder, ignore_errors=True)  # an interrupted audit may hold another model's responses

        async def run_audit() -> tuple[Run, dict[int, TokenStats]]:
            try:
                run = await audit(
                    backend,
                    self._questions,
                    list(settings.conditions),
                    sampling=Sampling(max_tokens=settings.max_tokens),
                    format=self._config.prompt_format,
                    letters=settings.letters,
                    seed=settings.seed,
                    store=folder,
                    about={
                        "benchmark": self._questions.name,
                        "version": self._questions.version,
                        "step": step,
                    },
                )
                return run, await backend.token_stats(self.first_weights)
            finally:
                await backend.close()

        return asyncio.run(run_audit())


def headline(summary: Summary, step: int) -> str:
    """One line: accuracy, and consistency where it is known, by condition."""
    parts = []
    for row in summary.rows:
        accuracy, consistency = row.measures["accuracy"].value, row.measures.get("consistency")
        if accuracy is not None:
            known = consistency is not None and consistency.value is not None
            suffix = f" ({consistency.value:.0%} consistent)" if known and consistency else ""
            parts.append(f"{row.condition} {accuracy:.0%}{suffix}")
    return f"step {step}: " + ", ".join(parts)
