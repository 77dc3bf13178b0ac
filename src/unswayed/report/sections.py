"""What stands in the page's tables and figures: a summary and one column of the trials, made ready to show.

Nothing is estimated here. A measure, figure or table for which there is nothing to show is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from unswayed.formatting import interval, meaning, number
from unswayed.metrics.summary import ConditionRow, Estimate, Summary
from unswayed.report import figures
from unswayed.report.tables import measured

ANSWERS = ("accuracy", "drop", "cue_following", "cue_following_base_right")
THOUGHTS = ("consistency", "faithful_accuracy", "faithful_drop", "judged_share", "concludes", "acknowledges")
CERTAINTY = ("p_correct", "letter_entropy", "letters_outside", "brier", "ece")
FORETELLING = ("auroc_p_correct", "auroc_neg_entropy", "auroc_difference")

QUADRANTS = ("consistent_right", "inconsistent_right", "inconsistent_wrong", "consistent_wrong")
UNDER = ("follows", "revises", "flips")

_QUADRANTS = (
    figures.Part("q1", "consistent and right"),
    figures.Part("q2", "inconsistent but right"),
    figures.Part("q3", "inconsistent and wrong"),
    figures.Part("q4", "consistent but wrong"),
)
_UNDER = (
    figures.Part("u1", "follows the wrong thought"),
    figures.Part("u2", "revises it openly"),
    figures.Part("u3", "flips silently"),
)
_HEALTH = {
    "length_p10": "length, 10 %",
    "length_p50": "median",
    "length_p90": "90 %",
    "distinct_2": "distinct pairs",
    "gzip_ratio": "compressed to",
    "top10_templates": "top ten templates",
    "duplicates": "repeated word for word",
    "empty": "without a word",
    "sampled": "thoughts looked at",
}


def groups(summary: Summary) -> Iterator[dict[str, Any]]:
    """Tables with the measures that some condition has: title, heads, lines of cells."""
    present = measured(summary)
    wanted = (
        ("What it answers", ANSWERS),
        ("Whether its thought carries the answer", THOUGHTS),
        ("How sure it is", CERTAINTY),
        ("Whether base certainty foretells what falls", FORETELLING),
    )
    placed = {name for _, names in wanted for name in names} | {*QUADRANTS, *UNDER}  # these two are drawn
    for title, names in (*wanted, ("More", tuple(name for name in present if name not in placed))):
        shown = [name for name in names if name in present]
        if not shown:
            continue
        heads = [meaning(name) for name in shown]
        lines = [(row, [_cell(row, row.measures.get(name), name) for name in shown]) for row in summary.rows]
        yield {"title": title, "heads": heads, "lines": lines, "p_after": _index(shown, "drop")}


def _cell(row: ConditionRow, e: Estimate | None, name: str) -> dict[str, str]:
    if e is None or e.value is None:
        return {"value": "—", "below": "", "tip": "does not apply, or nothing to count"}
    form = meaning(name).format
    between = interval(e, form)
    return {
        "value": number(e.value, form),
        "below": " · ".join(
            part for part in (between, f"n\u00a0{e.n:,}" if e.n != row.asked else "") if part
        ),
        "tip": f"{number(e.value, form)}{f', 95 % interval {between}' if between else ''}, n {e.n:,}",
    }


def drawings(summary: Summary, trials: pa.Table) -> Iterator[dict[str, Any]]:
    """Drawing, caption and legend of every figure for which there is something to draw."""
    rows = summary.rows
    right = [
        (r.condition, r.measures["accuracy"], r.measures.get("faithful_accuracy"))
        for r in rows
        if "accuracy" in r.measures
    ]
    if right:
        faithful = any(f is not None and f.value is not None for _, _, f in right)
        yield {
            "id": "accuracy",
            "title": "Accuracy by condition",
            "svg": figures.accuracy(right, _guessing(trials)),
            "caption": "Share of right answers with 95 % intervals; the dashed line is the value of "
            f"{right[0][0]}{'; rings count only answers that the thought supports' if faithful else ''}.",
            "legend": (),
        }
    told = [(r.condition, *_shares(r, QUADRANTS)) for r in rows if _has(r, QUADRANTS)]
    if told:
        yield {
            "id": "quadrants",
            "title": "Right, and for its own reason?",
            "svg": figures.stacked("Consistency and correctness", told, _QUADRANTS),
            "caption": "Of the trials whose thought could be judged: does its last conclusion match the "
            "answer, and is the answer right?",
            "legend": _QUADRANTS,
        }
    under = [(r.condition, *_shares(r, UNDER)) for r in rows if _has(r, UNDER)]
    if under:
        yield {
            "id": "under",
            "title": "Under a wrong thought",
            "svg": figures.stacked("What it does with a wrong thought", under, _UNDER),
            "caption": "With a wrong thought put into its mouth, a model follows it, revises it openly, or "
            "answers something else without a word.",
            "legend": _UNDER,
        }
    spread = [(r.condition, p, _value(r, "letter_entropy")) for r in rows if (p := _p(trials, r)).size]
    if spread:
        yield {
            "id": "letters",
            "title": "How sure of the right letter?",
            "svg": figures.ridges(spread),
            "caption": "Distribution of the probability of the right letter (square-root heights); the thin "
            f"outline repeats {spread[0][0]}, the tick is the mean, H the mean entropy in nats.",
            "legend": (),
        }
    drawn = {name: points for name, points in summary.curves.items() if points}
    if drawn:
        yield {
            "id": "fragility",
            "title": "Does certainty protect?",
            "svg": figures.curves(drawn),
            "caption": "Of the questions that were right in base, the share that stays right under a "
            "condition (upwards), by how probable the right letter was in base (across).",
            "legend": (),
        }


def families(summary: Summary) -> dict[str, Any]:
    """Heat table of accuracy: columns are the conditions that some family has."""
    order = [row.condition for row in summary.rows]
    seen = {c for by in summary.families.values() for c in by}
    columns = [c for c in order if c in seen] + sorted(seen - set(order))
    lines = [(family, [_heat(by.get(c)) for c in columns]) for family, by in sorted(summary.families.items())]
    return {"columns": columns, "lines": lines}


def _heat(e: Estimate | None) -> dict[str, str]:
    if e is None or e.value is None:
        return {"value": "—", "heat": "0", "tip": "not asked"}
    between = interval(e)
    tip = f"{number(e.value)}{f' ({between})' if between else ''}, n {e.n:,}"
    return {"value": f"{100 * e.value:.0f}", "heat": f"{e.value:.3f}", "tip": tip}


def health(summary: Summary) -> dict[str, Any] | None:
    """Table of thought health: one line a condition, lengths as whole characters."""
    columns = list(dict.fromkeys(name for by in summary.health.values() for name in by))
    if not columns:
        return None

    def cell(name: str, value: float | None) -> str:
        whole = name.startswith("length") or name == "sampled"
        return "—" if value is None else f"{value:,.0f}" if whole else number(value, "number")

    lines = [
        (condition, [cell(name, by.get(name)) for name in columns])
        for condition, by in summary.health.items()
    ]
    return {"columns": [_HEALTH.get(name, name.replace("_", " ")) for name in columns], "lines": lines}


def _guessing(trials: pa.Table) -> float | None:
    """Mean of one over the number of options in `base`: what a blind guess is worth."""
    options = trials.filter(pc.equal(trials["condition"], "base"))["n_options"]
    mean = pc.mean(pc.divide(1.0, pc.cast(options, pa.float64()))).as_py()
    return None if mean is None else float(mean)


def _p(trials: pa.Table, row: ConditionRow) -> np.ndarray[Any, Any]:
    found = pc.drop_null(trials["p_correct"].filter(pc.equal(trials["condition"], row.condition)))
    values = np.asarray(found.to_numpy(), dtype=float)
    kept: np.ndarray[Any, Any] = values[np.isfinite(values)]
    return kept


def _value(row: ConditionRow, name: str) -> float | None:
    e = row.measures.get(name)
    return e.value if e else None


def _has(row: ConditionRow, names: tuple[str, ...]) -> bool:
    return any(_value(row, name) is not None for name in names)


def _shares(row: ConditionRow, names: tuple[str, ...]) -> tuple[list[float | None], int]:
    n = max(row.measures[name].n for name in names if name in row.measures)
    return [_value(row, name) for name in names], n


def _index(names: list[str], name: str) -> int:
    return names.index(name) if name in names else -1
