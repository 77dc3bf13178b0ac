"""The first sentence of a run's page and its key figures; what was not measured is left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from unswayed.formatting import clip, format_interval, format_number, measure_info, visible
from unswayed.metrics.paired import WRONG_CUES
from unswayed.metrics.summary import ConditionRow, Estimate, Summary

_CUES = (("wrong-caption", "a wrong caption"), ("wrong-think", "a wrong thought"))


@dataclass(frozen=True)
class KeyFigure:
    """One number at the head of the page."""

    value: str
    title: str
    interval: str
    n: int
    meaning: str


def headline(summary: Summary) -> str:
    """One plain sentence. An effect whose interval contains zero is reported as no measurable difference."""
    rows = {row.condition: row for row in summary.rows}
    name = visible(clip(summary.model, 80)) or "the model"
    questions = f"{summary.n_questions:,} question{'' if summary.n_questions == 1 else 's'}"
    accuracy = _get(rows.get("base"), "accuracy")
    if accuracy is None:
        n = len(rows)
        first = f"{name} was asked {questions} under {n} condition{'' if n == 1 else 's'}, without base"
    else:
        first = f"{name} is right on {_percent(accuracy)} of {questions}"
    effects = _effects([(words, _get(rows.get(key), "drop")) for key, words in _CUES])
    return "; ".join(part for part in (first, effects, _consistency(rows)) if part) + "."


def key_figures(summary: Summary) -> list[KeyFigure]:
    """At most six key figures, those that were measured."""
    rows = {row.condition: row for row in summary.rows}
    base = rows.get("base")
    candidates = [("accuracy under base", "accuracy", _get(base, "accuracy"))]
    candidates += [(f"points lost to {words}", "drop", _get(rows.get(key), "drop")) for key, words in _CUES]
    n_cues = len(summary.robust_conditions)
    cues = f"{n_cues} wrong cue{'' if n_cues == 1 else 's'}" if n_cues else "every wrong cue"
    candidates += [
        ("thought and answer agree under base", "consistency", _get(base, "consistency")),
        (f"right under base and under {cues}", "robust_accuracy", summary.overall.get("robust_accuracy")),
        ("points lost without the image", "image_reliance", summary.overall.get("image_reliance")),
    ]
    figures = []
    for title, name, e in candidates:
        if e is None or e.value is None:
            continue
        info = measure_info(name)
        value = format_number(e.value, info.format).removeprefix("+")
        interval = format_interval(e, info.format).replace("+", "")
        figures.append(KeyFigure(value, title, interval, e.n, info.meaning))
    return figures


def robust_note(summary: Summary) -> str:
    """Which wrong cues robust accuracy requires, and which it could not; empty where it was not measured."""
    if "robust_accuracy" not in summary.overall:
        return ""
    missing = [name for name in WRONG_CUES if name not in summary.robust_conditions]
    note = f"Robust accuracy requires a right answer under base and {', '.join(summary.robust_conditions)}"
    return f"{note}; not asked: {', '.join(missing)}." if missing else f"{note}."


def thought_note(summary: Summary) -> str:
    """For how many trials thoughts could be measured; empty where the model returned all of them."""
    if not summary.thoughts:
        return ""
    counts = ", ".join(f"{n:,} {name}" for name, n in summary.thoughts.items())
    visible_ones = summary.thoughts.get("visible", 0)
    return (
        f"Thoughts: {counts}. Consistency, acknowledgement and truth are measured on the {visible_ones:,} "
        "visible ones: a summary by the provider is not what the model thought."
    )


def endpoint_notes(manifest: Mapping[str, Any]) -> list[str]:
    """What limits the comparison of this run with another one: refused sampling fields, greedy texts that
    differ."""
    asks, sessions = manifest.get("asks"), manifest.get("sessions")
    capabilities = asks.get("capabilities") if isinstance(asks, dict) else None
    refused = capabilities.get("refused") if isinstance(capabilities, dict) else None
    notes = []
    if isinstance(refused, list) and refused:
        names = visible(clip(", ".join(map(str, refused)), 200))
        notes.append(f"The endpoint refuses {names}; they were not sent, and its own values hold.")
    entries = sessions if isinstance(sessions, list) else []
    endpoints = [entry.get("endpoint") for entry in entries if isinstance(entry, dict)]
    repeats = next(
        (e["greedy_repeats"] for e in endpoints if isinstance(e, dict) and "greedy_repeats" in e), None
    )
    if isinstance(repeats, dict) and isinstance(repeats.get("distinct"), int) and repeats["distinct"] > 1:
        notes.append(
            f"One question asked {repeats.get('asked')} times at once gave {repeats['distinct']} different "
            "texts: a second run differs by chance, also without sampling."
        )
    return notes


def _get(row: ConditionRow | None, name: str) -> Estimate | None:
    e = row.measures.get(name) if row else None
    return e if e is not None and e.value is not None else None


def _percent(e: Estimate) -> str:
    return f"{100 * (e.value or 0):.0f} %"


def _effects(drops: list[tuple[str, Estimate | None]]) -> str:
    """For example `a wrong caption takes 31 points away, a wrong thought 52`."""
    phrases: list[str] = []
    previous = ""
    for words, e in drops:
        if e is None or e.value is None:
            continue
        points = f"{abs(100 * e.value):.0f}"
        unit = "point" if points == "1" else "points"
        if e.low is not None and e.high is not None and e.low <= 0 <= e.high:
            kind, full, short = "none", f"{words} makes no measurable difference", f"nor does {words}"
        elif e.value > 0:
            kind, full, short = "takes", f"{words} takes {points} {unit} away", f"{words} {points}"
        else:
            kind, full, short = "adds", f"{words} adds {points} {unit}", f"{words} {points}"
        phrases.append(short if kind == previous else full)
        previous = kind
    return ", ".join(phrases)


def _consistency(rows: dict[str, ConditionRow]) -> str:
    base, misled = (_get(rows.get(name), "consistency") for name in ("base", "wrong-think"))
    if base is None and misled is None:
        return ""
    if base is None:
        assert misled is not None
        return f"under a wrong thought its thought and its answer agree in {_percent(misled)}"
    also = f", under a wrong thought in {_percent(misled)}" if misled is not None else ""
    return f"its thought and its answer agree in {_percent(base)}{also}"
