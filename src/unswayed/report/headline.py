"""The sentence and the few numbers that stand first: made of the summary, silent about what was not asked."""

from __future__ import annotations

from dataclasses import dataclass

from unswayed.formatting import (
    clip,
    interval,
    meaning,
    number,
    visible,
)
from unswayed.metrics.summary import ConditionRow, Estimate, Summary

_CUES = (("wrong-caption", "a wrong caption"), ("wrong-think", "a wrong thought"))


@dataclass(frozen=True)
class Tile:
    """One key figure."""

    value: str
    title: str
    interval: str
    n: int
    meaning: str


def headline(summary: Summary) -> str:
    """One sentence, plain text. Differences whose interval holds zero are said to be none."""
    rows = {row.condition: row for row in summary.rows}
    name = visible(clip(summary.model, 80)) or "the model"
    asked = f"{summary.n_questions:,} question{'' if summary.n_questions == 1 else 's'}"
    base = rows.get("base")
    right = _get(base, "accuracy")
    if right is None:
        first = f"{name} was asked {asked} in {len(rows)} way{'' if len(rows) == 1 else 's'}, not plainly"
    else:
        first = f"{name} is right on {_percent(right)} of {asked}"
    parts = [first, _effects([(words, _get(rows.get(key), "drop")) for key, words in _CUES]), _agree(rows)]
    return "; ".join(part for part in parts if part) + "."


def tiles(summary: Summary) -> list[Tile]:
    """At most six key figures, those that were measured."""
    rows = {row.condition: row for row in summary.rows}
    wanted = [("right when asked plainly", "accuracy", _get(rows.get("base"), "accuracy"))]
    wanted += [(f"points lost to {words}", "drop", _get(rows.get(key), "drop")) for key, words in _CUES]
    wanted += [
        ("thought and answer agree, asked plainly", "consistency", _get(rows.get("base"), "consistency")),
        ("right in base and under every wrong cue", "robust_accuracy", _known(summary, "robust_accuracy")),
        ("points that the image is worth", "image_reliance", _known(summary, "image_reliance")),
    ]
    found = []
    for title, name, e in wanted:
        if e is None or e.value is None:
            continue
        about = meaning(name)
        form = about.format
        value = number(e.value, form).removeprefix("+")
        found.append(Tile(value, title, interval(e, form).replace("+", ""), e.n, about.meaning))
    return found


def _get(row: ConditionRow | None, name: str) -> Estimate | None:
    e = row.measures.get(name) if row else None
    return e if e is not None and e.value is not None else None


def _known(summary: Summary, name: str) -> Estimate | None:
    return summary.overall.get(name)


def _percent(e: Estimate) -> str:
    return f"{100 * (e.value or 0):.0f} %"


def _effects(drops: list[tuple[str, Estimate | None]]) -> str:
    """`a wrong caption takes 31 points away, a wrong thought 52`."""
    said: list[str] = []
    last = ""
    for words, e in drops:
        if e is None or e.value is None:
            continue
        points = f"{abs(100 * e.value):.0f}"
        if e.low is not None and e.high is not None and e.low <= 0 <= e.high:
            kind, full, short = "none", f"{words} makes no measurable difference", f"nor does {words}"
        elif e.value > 0:
            unit = "point" if points == "1" else "points"
            kind, full, short = "takes", f"{words} takes {points} {unit} away", f"{words} {points}"
        else:
            kind, full, short = "adds", f"{words} adds {points} points", f"{words} {points}"
        said.append(short if kind == last else full)
        last = kind
    return ", ".join(said)


def _agree(rows: dict[str, ConditionRow]) -> str:
    base, swayed = (_get(rows.get(name), "consistency") for name in ("base", "wrong-think"))
    if base is None and swayed is None:
        return ""
    if base is None:
        assert swayed is not None
        return f"under a wrong thought its thought and its answer agree in {_percent(swayed)}"
    also = f", under a wrong thought in {_percent(swayed)}" if swayed is not None else ""
    return f"its thought and its answer agree in {_percent(base)}{also}"
