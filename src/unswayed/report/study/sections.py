"""What stands on a study's page: its headline, drawings, tables, claims and alarms, made ready to show.

Estimates come from `measures`; a drawing or table for which there is nothing to show is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from unswayed.errors import BadInput
from unswayed.formatting import (
    clip,
    interval,
    number,
    p_text,
)
from unswayed.metrics.paired import BASE, WRONG_CUES
from unswayed.metrics.stats import holm
from unswayed.metrics.summary import Estimate
from unswayed.metrics.training.alarms import ALARMS, Ring
from unswayed.metrics.training.claims import GRPO, Part, TrainingClaim
from unswayed.metrics.training.series import (
    ALL,
    ROBUST,
    Study,
    meaning,
)
from unswayed.metrics.training.trajectories import (
    Effect,
    Series,
    gap,
    level,
    rise,
)
from unswayed.report.html_tables import (
    Cell,
    cell,
    plain,
    table,
)
from unswayed.report.study.figures import (
    Line,
    Panel,
    Walk,
    legend,
    panels,
    style,
    walks,
)

SHOWN = (
    ("How it answers", ("accuracy", ROBUST, "faithful_accuracy", "cue_following", "image_reliance")),
    (
        "Whether its thoughts carry the answers",
        ("consistency", "concludes", "revises", "flips", "acknowledges", "reader_agreement", "masked_gain"),
    ),
    ("How sure it is", ("letter_entropy", "p_correct", "letters_outside")),
    (
        "Whether thoughts are still thoughts",
        (
            "thought_length", "template_share", "duplicate_thoughts", "empty_thoughts", "truncated",
            "health_distinct_2", "health_gzip_ratio", "thought_entropy", "answer_entropy",
        ),
    ),
    ("What training did", ("kl_start", "dead_groups", "reward", "total", "format", "correct", "consistent")),
)  # fmt: skip
"""Groups of measures in the order of the page; what else there is stands under the last heading."""
_OPEN = ("accuracy", ROBUST, "consistency", "letter_entropy", "thought_length", "template_share", "kl_start")
_HIDDEN = ("tokens", "readable", "judged_share", "brier")
_OVERVIEW = (
    ("accuracy", BASE),
    ("accuracy", "wrong-caption"),
    ("accuracy", "wrong-think"),
    (ROBUST, ALL),
    ("consistency", BASE),
    ("letter_entropy", BASE),
    ("thought_length", BASE),
)
_COMPARED = ("accuracy", ROBUST, "faithful_accuracy", "consistency", "cue_following", "letter_entropy")


def reference(study: Study) -> str:
    """The arm that others are set against: `grpo`, or the first."""
    return GRPO if GRPO in study.arms else study.arms[0]


def headline(study: Study, rung: Sequence[Ring]) -> str:
    """One sentence in plain words; a change whose interval holds zero is said to be none."""
    arm = reference(study)
    parts = []
    moved = [
        _moved(words, _rise(study, arm, name))
        for name, words in (
            ("accuracy", "accuracy"),
            ("consistency", "thoughts that agree with their answers"),
        )
    ]
    if any(moved):
        parts.append(f"{clip(arm, 40)}: {', '.join(m for m in moved if m)}")
    ends = [(e.value, a) for a in study.arms if (e := _end(study, a, ROBUST, ALL)) is not None]
    if len(ends) > 1:
        best = max(ends)
        parts.append(
            f"most right under base and every wrong cue at the end is {clip(best[1], 40)}, {number(best[0])}"
        )
    elif ends:
        parts.append(f"right under base and every wrong cue at the end: {number(ends[0][0])}")
    runs = sum(len(seeds) for seeds in study.seeds.values())
    loud = len({(r.arm, r.seed) for r in rung})
    if loud:
        names = list(dict.fromkeys(r.alarm for r in rung))
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        parts.append(f"alarms rang in {loud} of {_count(runs, 'run')} ({', '.join(names[:2])}{more})")
    else:
        parts.append(f"no alarm rang in {_count(runs, 'run')}")
    return "; ".join(parts) + "."


def _moved(words: str, e: Effect | None) -> str:
    if e is None:
        return ""
    ends = e.interval()
    points = f"{abs(100 * e.value):.0f} points"
    if ends is None or ends[0] <= 0 <= ends[1]:
        return f"no sure change of {words} ({number(e.value, 'points')} points)"
    return f"{words} {'up' if e.value > 0 else 'down'} {points}"


def small(study: Study) -> str:
    """What was run, in one line."""
    seeds = [len(found) for found in study.seeds.values()]
    many = str(min(seeds)) if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    steps = study.common()
    said = [
        _count(len(study.arms), "arm"),
        f"{many} seed{'' if many == '1' else 's'} an arm",
        f"{_count(study.questions, 'question')} in {_count(study.groups, 'group')}",
        _count(len(study.conditions), "condition"),
    ]
    if steps:
        said.append(f"{_count(len(steps), 'audit')} of all runs, the last at step {steps[-1]:,}")
    return " · ".join(said)


def trajectories(study: Study) -> dict[str, Any] | None:
    """Accuracy against consistency, from start to end, under base and over the wrong cues."""
    drawn = []
    cues = [c for c in study.conditions if c in WRONG_CUES]
    for title, conditions in (("base", [BASE]), ("wrong cues, mean", cues)):
        ways = [w for i, arm in enumerate(study.arms) if (w := _walk(study, arm, style(i), conditions))]
        if ways:
            drawn.append((title, ways))
    if not drawn:
        return None
    return {
        "id": "trajectories",
        "title": "Accuracy against faithfulness",
        "svg": walks("Accuracy against faithfulness", drawn, "accuracy", "consistency"),
        "caption": "Each arm's way from its start (ring) to its end (dot), the mean over its seeds; thin "
        "lines are the seeds. Further right is more accurate, further up more faithful.",
        "legend": legend(study.arms),
    }


def _walk(study: Study, arm: str, look: str, conditions: Sequence[str]) -> Walk | None:
    both = [[study.find(arm, name, c) for c in conditions] for name in ("accuracy", "consistency")]
    known = [[s for s in many if s is not None] for many in both]
    if not conditions or any(len(many) < len(conditions) for many in known):
        return None
    used = sorted(set.intersection(*(set(s.steps[s.complete].tolist()) for many in known for s in many)))
    if len(used) < 2:
        return None
    x, y = (np.mean([s.values[:, np.isin(s.steps, used)] for s in many], axis=0) for many in known)
    seeds = [list(zip(a.tolist(), b.tolist(), strict=True)) for a, b in zip(x, y, strict=True)]
    mean = list(zip(x.mean(axis=0).tolist(), y.mean(axis=0).tolist(), strict=True))
    return Walk(arm, look, used, mean, seeds)


def drawings(study: Study) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """(heading, drawings) of every measure over steps; the most telling are open, the rest folded."""
    there = {name for _, name, _ in study.series}
    placed = {name for _, names in SHOWN for name in names}
    parts = sorted({m for _, m, c in study.series if m not in placed and _of_training(study, m)} - {*_HIDDEN})
    for heading, names in SHOWN:
        wanted = [n for n in names if n in there]
        wanted += parts if heading == SHOWN[-1][0] else []
        if wanted:
            yield heading, [over_steps(study, name) for name in wanted]


def _of_training(study: Study, name: str) -> bool:
    return any(s.total.shape[2] == 1 for (_, m, _), s in study.series.items() if m == name)


def over_steps(study: Study, name: str) -> dict[str, Any]:
    """The drawing of one measure over steps, a panel a condition.

    Raises `BadInput` for a measure that the study does not have.
    """
    there = sorted({m for _, m, _ in study.series})
    if name not in there:
        raise BadInput(f"the records have no measure {name!r}; there are: {', '.join(there)}")
    about = meaning(name)
    order = [*study.conditions, *sorted({c for _, m, c in study.series if m == name} - {*study.conditions})]
    drawn = []
    for condition in order:
        lines = [
            _line(study, s, name, style(i))
            for i, arm in enumerate(study.arms)
            if (s := study.find(arm, name, condition)) is not None
        ]
        if lines:
            drawn.append(Panel("" if condition == ALL else condition, lines))
    unit = "" if about.format == "percent" else f" Unit: {about.unit}."
    return {
        "id": name,
        "title": about.title,
        "svg": panels(about.title, drawn, about.format),
        "caption": f"{about.meaning[:1].upper()}{about.meaning[1:]}, over steps.{unit}",
        "legend": legend(study.arms) if len(study.arms) > 1 else (),
        "open": name in _OPEN,
    }


def _line(study: Study, series: Series, name: str, look: str) -> Line:
    found = [level(series, int(step), study.draws) for step in series.steps]
    values = [[None if v != v else float(v) for v in row] for row in series.values]
    return Line(
        series.arm,
        look,
        series.steps.tolist(),
        [Estimate(None) if e is None else _held(e.estimate, name) for e in found],
        list(zip(series.seeds, values, strict=True)),
    )


def tables(study: Study) -> list[dict[str, Any]]:
    """The arms side by side at the last step that all runs have, and each against the reference arm."""
    steps = study.common()
    if not steps:
        return []
    shown = [key for key in _OVERVIEW if any(study.find(a, *key) for a in study.arms)]
    heads = [("arm", ""), *((_title(name, c), meaning(name).meaning) for name, c in shown)]
    ends = [(clip(arm, 60), [_level(study, arm, *key, steps[-1]) for key in shown]) for arm in study.arms]
    moves = [
        (clip(arm, 60), [_cell(_rise(study, arm, *key), _signed(key[0])) for key in shown])
        for arm in study.arms
    ]
    found = [
        table(f"At step {steps[-1]:,}", heads, ends, "Means over seeds; intervals over questions and seeds."),
        table(
            "Change from the first audit to the last",
            heads,
            moves,
            "By the line fitted to all audits; shares in points.",
        ),
    ]  # fmt: skip
    if len(study.arms) > 1:
        found += [t for name in _COMPARED if (t := _against(study, name, steps[-1]))]
    return found


def _against(study: Study, name: str, step: int) -> dict[str, Any] | None:
    """Every other arm minus the reference, by condition, with Holm's correction over all of them."""
    first = reference(study)
    others = [arm for arm in study.arms if arm != first]
    conditions = [c for c in (*study.conditions, ALL) if study.find(first, name, c)]
    gaps: dict[tuple[str, str], Effect] = {}
    for condition in conditions:
        base = study.find(first, name, condition)
        for arm in others:
            mine = study.find(arm, name, condition)
            e = gap(mine, base, step, study.draws) if mine and base else None
            if e is not None:
                gaps[condition, arm] = e
    if not gaps:
        return None
    corrected = dict(zip(gaps, holm([e.p for e in gaps.values()]), strict=True))
    lines = []
    for condition in conditions:
        cells = [_level(study, first, name, condition, step)]
        for arm in others:
            shown = _cell(gaps.get((condition, arm)), _signed(name))
            p = corrected.get((condition, arm))
            below = f"{shown['below']} · p {p_text(p)}" if p is not None else shown["below"]
            cells.append(plain(shown["value"], below))
        lines.append(("all conditions" if condition == ALL else condition, cells))
    heads = [("condition", ""), (clip(first, 40), "by itself")]
    heads += [(f"{clip(arm, 40)} minus {clip(first, 40)}", "paired by question") for arm in others]
    note = (
        f"{meaning(name).meaning[:1].upper()}{meaning(name).meaning[1:]}. Differences paired by question, "
        "seeds of each arm drawn by themselves; p after Holm's correction over the whole table."
    )
    return table(f"{meaning(name).title} against {clip(first, 40)}", heads, lines, note, name != "accuracy")


def claims(found: Sequence[TrainingClaim]) -> list[dict[str, Any]]:
    """Each claim with its parts as lines of text."""
    return [
        {
            "name": c.name,
            "text": c.text,
            "verdict": c.verdict,
            "rule": c.rule,
            "note": c.note,
            "parts": [{"label": p.label, "either": p.either, "said": _said(p)} for p in (*c.parts, *c.aside)],
        }
        for c in found
    ]


def _said(p: Part) -> str:
    form = "points" if p.unit == "points" else "number"
    between = interval(p.shown, form)
    unit = " points" if p.unit == "points" else ""
    return f"{number(p.shown.value, form)}{unit}{f' ({between})' if between else ''}"


def alarms(study: Study, rung: Sequence[Ring]) -> dict[str, Any]:
    """What rang, one line an alarm and run; and every rule, with whether it rang."""
    by: dict[tuple[str, str, int], list[Ring]] = {}
    for ring in rung:
        by.setdefault((ring.alarm, ring.arm, ring.seed), []).append(ring)
    lines = []
    for (alarm, arm, seed), rings in by.items():
        first = min(rings, key=lambda r: r.first)
        names = ["training" if r.condition == ALL else r.condition for r in rings]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        lines.append(
            (
                alarm,
                [
                    plain(clip(arm, 60)),
                    plain(str(seed)),
                    plain(f"{first.first:,}"),
                    plain(", ".join(names[:3]) + more),
                    plain(first.evidence),
                ],
            )
        )
    heads = [
        ("alarm", ""), ("arm", ""), ("seed", ""), ("first at step", ""), ("under", "conditions"),
        ("what was seen", "at the last audit at which it rang, in the condition where it rang first"),
    ]  # fmt: skip
    rang = {ring.alarm for ring in rung}
    return {
        "table": table("Alarms that rang", heads, lines) if lines else None,
        "rules": [(a.name, a.rule, a.name in rang) for a in ALARMS],
    }


def _title(name: str, condition: str) -> str:
    return meaning(name).title + ("" if condition == ALL else f", {condition}")


def _at(study: Study, arm: str, name: str, condition: str, step: int) -> Effect | None:
    series = study.find(arm, name, condition)
    return None if series is None else level(series, step, study.draws)


def _end(study: Study, arm: str, name: str, condition: str) -> Estimate | None:
    steps = study.common()
    found = _at(study, arm, name, condition, steps[-1]) if steps else None
    return None if found is None else _held(found.estimate, name)


def _rise(study: Study, arm: str, name: str, condition: str = BASE) -> Effect | None:
    series = study.find(arm, name, condition)
    return None if series is None else rise(series, study.draws)


def _cell(e: Effect | None, form: str) -> Cell:
    return plain("—") if e is None else cell(e.estimate, form)


def _level(study: Study, arm: str, name: str, condition: str, step: int) -> Cell:
    e = _at(study, arm, name, condition, step)
    return plain("—") if e is None else cell(_held(e.estimate, name), meaning(name).format)


def _held(e: Estimate, name: str) -> Estimate:
    """A share's interval does not leave 0 to 1."""
    if e.low is None or e.high is None or meaning(name).format != "percent":
        return e
    return Estimate(e.value, max(0.0, e.low), min(1.0, e.high), e.n)


def _signed(name: str) -> str:
    return "points" if meaning(name).format == "percent" else "number"


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"
