"""What a suite would ask and cost, before anything is asked: trials, tokens, hours, money.

Numbers of questions come from the suite's file or from the benchmark catalogue, so no data and no network are
needed. Tokens per trial and speed come from the table `estimate`; where a run folder already has trials of a
cell, tokens are their means.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from unswayed.benchmarks.named import BENCHMARKS, DEFAULT_SCENES
from unswayed.conditions import condition
from unswayed.errors import BadInput
from unswayed.store import load
from unswayed.store import manifest as manifests
from unswayed.suite.plan import Cell
from unswayed.suite.settings import BenchmarkSettings, JudgeSettings, ModelSettings, Suite

if TYPE_CHECKING:
    from unswayed.backends.openai import Price


@dataclass(frozen=True)
class CellEstimate:
    """One cell: counts, tokens, seconds and money of what it has still to ask and of what was asked."""

    cell: Cell
    questions: int
    trials: int
    prompt_tokens: int
    tokens: int
    """Generated."""
    seconds: float
    cost: float | None
    """None where the price is not known, or nothing is paid."""
    currency: str = ""
    measured: bool = False
    """Tokens per trial are the means of the trials that its folder already has."""


@dataclass(frozen=True)
class JudgeEstimate:
    """One judge over all thoughts of the suite."""

    name: str
    thoughts: int
    prompt_tokens: int
    tokens: int
    cost: float | None
    currency: str = ""


@dataclass(frozen=True)
class SuiteEstimate:
    """The whole suite."""

    cells: tuple[CellEstimate, ...]
    judges: tuple[JudgeEstimate, ...]
    hours: float
    """Wall time of the audits: local models one after the other, endpoints beside them, several at once."""

    @property
    def trials(self) -> int:
        return sum(e.trials for e in self.cells)

    @property
    def cost(self) -> dict[str, float]:
        """Money by currency, of models and judges whose price is known."""
        total: dict[str, float] = {}
        costs = [(e.currency, e.cost) for e in self.cells] + [(e.currency, e.cost) for e in self.judges]
        for currency, cost in costs:
            if cost is not None:
                total[currency] = total.get(currency, 0.0) + cost
        return total


def estimate(suite: Suite, cells: Sequence[Cell], folder: Path) -> SuiteEstimate:
    """The estimate of `cells`. Raises `BadInput` where the number of a benchmark's questions is not known."""
    found = tuple(_cell(suite, c, folder) for c in cells)
    thoughts = sum(e.questions * suite.settings.samples * _with_thought(e.cell) for e in found)
    judges = tuple(_judge(suite, name, judge, thoughts) for name, judge in suite.judges.items())
    return SuiteEstimate(found, judges, _hours(suite, found))


def question_count(benchmark: BenchmarkSettings, where: str) -> int:
    """Number of questions that a benchmark would ask, without reading it."""
    known = BENCHMARKS.get(benchmark.benchmark)
    if known is not None and known.entry is None and known.collection is None:
        return benchmark.limit or DEFAULT_SCENES
    rows = benchmark.rows or (known.rows if known else None) or 0
    if rows:
        return min(benchmark.limit or rows, rows)
    if benchmark.limit:
        return benchmark.limit
    raise BadInput(f"{where}: the number of its questions is not known without its data; give limit or rows")


def _cell(suite: Suite, cell: Cell, folder: Path) -> CellEstimate:
    model = suite.models[cell.model]
    questions = question_count(
        suite.benchmarks[cell.benchmark], f"{suite.path}: benchmark {cell.benchmark!r}"
    )
    trials = questions * len(cell.conditions) * suite.settings.samples
    expected = model.estimate
    prompt, generated, seconds, measured = (
        float(expected.prompt_tokens),
        float(expected.tokens),
        expected.tokens / expected.tokens_per_second,
        False,
    )
    if means := _measured(cell.folder(folder)):
        prompt, generated, measured = means[0] or prompt, means[1] or generated, True
    letters = trials if model.letters else 0  # one more token behind prompt and thought
    prompt_tokens = round(trials * prompt + letters * (prompt + generated))
    tokens = round(trials * generated) + letters
    price = _price(model)
    return CellEstimate(
        cell,
        questions,
        trials,
        prompt_tokens,
        tokens,
        0.0 if model.scripted else trials * seconds,
        price.of(prompt_tokens, tokens) if price else None,
        price.currency if price else "",
        measured,
    )


def _measured(folder: Path) -> tuple[float, float] | None:
    """Mean prompt and generated tokens of the trials that a run folder has; None without any."""
    if not (folder / manifests.FILE).is_file():
        return None
    trials = load(folder)[0]
    means = [pc.mean(trials[name]).as_py() for name in ("prompt_tokens", "tokens")]
    return (means[0] or 0.0, means[1] or 0.0) if means[1] else None


def _price(settings: ModelSettings | JudgeSettings) -> Price | None:
    if not settings.price:
        return None
    from unswayed.backends.openai import prices

    return prices.parse(settings.price)


def _with_thought(cell: Cell) -> int:
    """Number of the cell's conditions under which a thought can be judged."""
    return sum(condition(name).base != "stop-think" for name in cell.conditions)


def _judge(suite: Suite, name: str, judge: JudgeSettings, thoughts: int) -> JudgeEstimate:
    if not judge.judge.startswith("llm:"):
        return JudgeEstimate(name, thoughts, 0, 0, None)
    assumed = next(iter(suite.models.values())).estimate
    prompt, tokens = thoughts * assumed.judge_prompt_tokens, thoughts * assumed.judge_tokens
    price = _price(judge)
    cost = price.of(prompt, tokens) if price else None
    return JudgeEstimate(name, thoughts, prompt, tokens, cost, price.currency if price else "")


def _hours(suite: Suite, cells: Sequence[CellEstimate]) -> float:
    local = 0.0
    remote: dict[str, float] = {}
    for e in cells:
        if suite.models[e.cell.model].remote:
            remote[e.cell.model] = remote.get(e.cell.model, 0.0) + e.seconds
        else:
            local += e.seconds
    lanes = [0.0] * suite.settings.endpoints
    for seconds in remote.values():  # each model takes the lane that is free first, as the runner does
        lanes[lanes.index(min(lanes))] += seconds
    return max(local, *lanes) / 3600
