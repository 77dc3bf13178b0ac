"""Does another judge, prompt format or seed order the models differently?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from unswayed.metrics.columns import read_columns
from unswayed.metrics.paired import BASE
from unswayed.metrics.rates import condition_measures
from unswayed.metrics.suite.ranks import kendall_tau
from unswayed.pipeline import panel_columns
from unswayed.store.verdicts import Vote
from unswayed.suite.results import ModelEntry, OrderAgreement

if TYPE_CHECKING:
    from unswayed.suite.collect import SuiteRun

_CONDITIONS = (BASE, "wrong-caption", "wrong-think")
_JUDGED = ("consistency", "faithful_accuracy")
_PANEL = "the panel"
_FEWEST_MODELS = 3
Values = dict[tuple[str, str], dict[str, list[float]]]
"""(measure, condition) -> model -> one value for each benchmark."""


def order_agreements(runs: Sequence[SuiteRun], models: Sequence[ModelEntry]) -> list[OrderAgreement]:
    """Agreement of orders between judges, and between formats and seeds of the same models.

    An order of fewer than three models says nothing and is left out.
    """
    return [*_judges(runs), *_variants(runs, models)]


def _judges(runs: Sequence[SuiteRun]) -> Iterator[OrderAgreement]:
    """Every judge that read all runs, against the verdicts in the columns."""
    by_judge: dict[str, Values] = {}
    votes = [_all_votes(r) for r in runs]
    for judge in sorted(set.intersection(*(set(v) for v in votes)) if votes else ()):
        by_judge[judge] = _values(runs, [v[judge] for v in votes])
    if len(by_judge) < 2:
        return
    panel = _values(runs, [None] * len(runs))
    for judge, values in by_judge.items():
        yield from _compare("judge", _PANEL, judge, panel, values)


def _all_votes(r: SuiteRun) -> Mapping[str, Mapping[str, Vote]]:
    if r.run.path is None or not panel_columns.panel_names(r.run.manifest):
        return {}
    return panel_columns.all_votes(r.run.path, r.run.trials, r.run.manifest)


def _values(runs: Sequence[SuiteRun], votes: Sequence[Mapping[str, Vote] | None]) -> Values:
    found: Values = {}
    for r, by_key in zip(runs, votes, strict=True):
        trials = r.run.trials if by_key is None else panel_columns.apply_majority(r.run.trials, [by_key])
        c = read_columns(trials)
        for condition, measures in condition_measures(c, c.by_condition()).items():
            for name in _JUDGED:
                if condition in _CONDITIONS and name in measures and measures[name].value is not None:
                    by_model = found.setdefault((name, condition), {})
                    by_model.setdefault(r.model, []).append(float(measures[name].value or 0))
    return found


def _compare(
    kind: Literal["judge", "format", "seed"], first: str, second: str, a: Values, b: Values
) -> Iterator[OrderAgreement]:
    for (measure, condition), of_first in a.items():
        of_second = b.get((measure, condition), {})
        shared = [m for m in of_first if m in of_second and len(of_first[m]) == len(of_second[m])]
        if len(shared) >= _FEWEST_MODELS:
            means = [[float(np.mean(side[m])) for m in shared] for side in (of_first, of_second)]
            yield OrderAgreement(kind, first, second, measure, condition, len(shared), kendall_tau(*means))


def _variants(runs: Sequence[SuiteRun], models: Sequence[ModelEntry]) -> Iterator[OrderAgreement]:
    """Models of the suite that differ in format, or in seed, and in nothing else."""
    for kind in ("format", "seed"):
        by_value: dict[str, Values] = {}
        for model in models:
            other = (model.model, model.seed if kind == "format" else model.format)
            value = str(model.format if kind == "format" else model.seed)
            for r in (r for r in runs if r.model == model.name):
                for row in r.summary.rows:
                    e = row.measures.get("accuracy")
                    if row.condition in _CONDITIONS and e is not None and e.value is not None:
                        values = by_value.setdefault(value, {}).setdefault(("accuracy", row.condition), {})
                        values.setdefault(repr(other), []).append(e.value)
        names = list(by_value)
        for i, first in enumerate(names):
            for second in names[i + 1 :]:
                yield from _compare(kind, first, second, by_value[first], by_value[second])
