"""The texts of a study's page: headline, size of the study, claims and alarms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unswayed.formatting import clip, format_number
from unswayed.metrics.summary import Estimate
from unswayed.metrics.training.alarms import ALARMS, AlarmEvent
from unswayed.metrics.training.series import ALL_CONDITIONS, ROBUST, StudySeries
from unswayed.metrics.training.trajectories import Effect
from unswayed.report.html_tables import table, text_cell
from unswayed.report.study.charts import within_range
from unswayed.report.study.tables import change_of, reference_arm, value_of


def headline(study: StudySeries, events: Sequence[AlarmEvent]) -> str:
    """One plain sentence. A change whose interval contains zero is reported as no significant change."""
    arm = reference_arm(study)
    parts = []
    changes = [
        _change_words(words, change_of(study, arm, name))
        for name, words in (("accuracy", "accuracy"), ("consistency", "consistency of thought and answer"))
    ]
    if any(changes):
        parts.append(f"{clip(arm, 40)}: {', '.join(change for change in changes if change)}")
    ends = [
        (e.value, a) for a in study.arms if (e := _last_value(study, a, ROBUST, ALL_CONDITIONS)) is not None
    ]
    if len(ends) > 1:
        best = max(ends)
        parts.append(f"highest robust accuracy at the end: {clip(best[1], 40)}, {format_number(best[0])}")
    elif ends:
        parts.append(f"robust accuracy at the end: {format_number(ends[0][0])}")
    n_runs = sum(len(seeds) for seeds in study.seeds.values())
    n_alarmed = len({(event.arm, event.seed) for event in events})
    if n_alarmed:
        names = list(dict.fromkeys(event.alarm for event in events))
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        parts.append(f"alarms in {n_alarmed} of {_count(n_runs, 'run')} ({', '.join(names[:2])}{more})")
    else:
        parts.append(f"no alarm in {_count(n_runs, 'run')}")
    return "; ".join(parts) + "."


def _change_words(words: str, effect: Effect | None) -> str:
    if effect is None:
        return ""
    interval = effect.interval()
    points = f"{abs(100 * effect.value):.0f} points"
    if interval is None or interval[0] <= 0 <= interval[1]:
        return f"no significant change of {words} ({format_number(effect.value, 'points')} points)"
    return f"{words} {'up' if effect.value > 0 else 'down'} {points}"


def size_line(study: StudySeries) -> str:
    """Arms, seeds, questions, conditions and audits of the study, in one line."""
    seeds = [len(arm_seeds) for arm_seeds in study.seeds.values()]
    n_seeds = str(min(seeds)) if min(seeds) == max(seeds) else f"{min(seeds)} to {max(seeds)}"
    steps = study.common()
    parts = [
        _count(len(study.arms), "arm"),
        f"{n_seeds} seed{'' if n_seeds == '1' else 's'} per arm",
        f"{_count(study.questions, 'question')} in {_count(study.groups, 'group')}",
        _count(len(study.conditions), "condition"),
    ]
    if steps:
        parts.append(f"{_count(len(steps), 'audit')} of all runs, the last at step {steps[-1]:,}")
    return " · ".join(parts)


def alarm_section(events: Sequence[AlarmEvent]) -> dict[str, Any]:
    """A table of the alarms raised, one line per alarm and run; and every rule, with whether it was
    raised."""
    by_run: dict[tuple[str, str, int], list[AlarmEvent]] = {}
    for event in events:
        by_run.setdefault((event.alarm, event.arm, event.seed), []).append(event)
    lines = []
    for (alarm, arm, seed), in_run in by_run.items():
        first = min(in_run, key=lambda event: event.first)
        names = ["training" if event.condition == ALL_CONDITIONS else event.condition for event in in_run]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        texts = (clip(arm, 60), str(seed), f"{first.first:,}", ", ".join(names[:3]) + more, first.evidence)
        lines.append((alarm, [text_cell(text) for text in texts]))
    heads = [
        *(("alarm", ""), ("arm", ""), ("seed", ""), ("first at step", ""), ("under", "conditions")),
        ("evidence", "at the last audit that raised it, in the condition that raised it first"),
    ]
    raised = {event.alarm for event in events}
    return {
        "table": table("Alarms raised", heads, lines) if lines else None,
        "rules": [(alarm.name, alarm.rule, alarm.name in raised) for alarm in ALARMS],
    }


def _last_value(study: StudySeries, arm: str, name: str, condition: str) -> Estimate | None:
    steps = study.common()
    effect = value_of(study, arm, name, condition, steps[-1]) if steps else None
    return None if effect is None else within_range(effect.estimate, name)


def _count(n: int, word: str) -> str:
    return f"{n:,} {word}{'' if n == 1 else 's'}"
