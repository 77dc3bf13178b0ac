"""The tables that `unswayed probe` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc
from rich.markup import escape
from rich.table import Table

from unswayed.cli.shared import output
from unswayed.formatting import visible
from unswayed.interventions import INTERVENTIONS, PICTURES, measure, measure_pictures
from unswayed.metrics import image_use
from unswayed.metrics.image_use import DESCRIBES, RESPONSES, Grounding, ImageUse
from unswayed.metrics.summary import Estimate
from unswayed.metrics.thought_use import KINDS, MEASURES, ThoughtUse, truncated_name
from unswayed.pipeline.audit import Run


def print_probe(run: Run, probed: Run) -> None:
    """The tables of a probe, what was not asked, and what failed."""
    if (use := measure(run)) is not None:
        output.out.print(table(use))
        output.out.print(measure_table(use))
    if (pictures := measure_pictures(run)) is not None:
        for view in picture_tables(pictures):
            output.out.print(view)
    for name, reason in not_asked(probed.trials).items():
        output.out.print(f"[yellow]not asked[/]  {name}: {escape(reason)}", highlight=False, soft_wrap=True)
    if failed := output.failure_summary(probed.trials):
        output.out.print(f"[red]errors[/]  {escape(failed)}", highlight=False, soft_wrap=True)


def not_asked(trials: pa.Table) -> dict[str, str]:
    """For every intervention with trials that were not asked: how many, and the commonest reason."""
    rows = trials.filter(pc.equal(trials["state"], "not-asked")).select(["condition", "error"]).to_pylist()
    reasons: dict[str, Counter[str]] = {}
    for row in rows:
        reasons.setdefault(row["condition"], Counter())[row["error"]] += 1
    result = {}
    for name in (name for name in [*INTERVENTIONS, *PICTURES] if name in reasons):
        (reason, count), *others = reasons[name].most_common()
        total = sum(reasons[name].values())
        shown = visible(reason if len(reason) <= 200 else f"{reason[:199]}…")
        result[name] = f"{total:,} times{f', {count:,} of them' if others else ''}: {shown}"
    return result


def table(use: ThoughtUse) -> Table:
    """Interventions by what they changed, each with its 95 % interval."""
    same = {truncated_name(point.share): point for point in use.curve}
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("intervention", no_wrap=True)
    for head in ("n", "answer changed", "divergence", "P(final)", "accuracy", "follows", "not ok"):
        view.add_column(head, justify="right")
    for row in use.rows:
        if not row.changed.n:
            view.add_row(row.condition, "0", "not asked", *[""] * 5, style="dim")
            continue
        point = same.get(row.condition)
        bad = sum(n for state, n in row.states.items() if state not in ("ok", "not-asked"))
        view.add_row(
            row.condition,
            str(row.changed.n),
            _percent(row.changed),
            _number(row.divergence),
            _percent(point.p_final) if point else "–",
            _percent(row.accuracy),
            _percent(row.followed),
            str(bad or ""),
        )
    return view


def measure_table(use: ThoughtUse) -> Table:
    """The measures over all interventions, and the kinds of questions."""
    view = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "right", "right", "left"):
        view.add_column(justify=justify)
    for name, estimate in use.measures.items():
        measure = MEASURES[name]
        value = _percent(estimate) if measure.format == "percent" else _number(estimate)
        view.add_row(measure.title.lower(), f"n {estimate.n}", value, f"[dim]{measure.meaning}[/]")
    for name, estimate in use.kinds.items():
        view.add_row(f"{name} thoughts", f"n {estimate.n}", _percent(estimate), f"[dim]{KINDS[name]}[/]")
    return view


def picture_tables(use: ImageUse) -> Iterator[Table]:
    """By condition, the measures over all, the 2×2 of caption and evidence, and the hint test."""
    view = _view(("condition", "n", "accuracy", "drop", "same answer", "P(correct)", "not ok"))
    for row in use.rows:
        if not row.accuracy.n:
            view.add_row(row.condition, "0", "not asked", *[""] * 4, style="dim")
            continue
        bad = sum(n for state, n in row.states.items() if state not in ("ok", "not-asked"))
        cells = (
            _percent(row.accuracy),
            _percent(row.drop),
            _percent(row.same_answer),
            _number(row.p_correct),
        )
        view.add_row(row.condition, str(row.accuracy.n), *cells, str(bad or ""))
    yield view
    measures = _pairs()
    for name, estimate in use.measures.items():
        measure = image_use.MEASURES[name]
        measures.add_row(
            measure.title.lower(), f"n {estimate.n}", _percent(estimate), f"[dim]{measure.meaning}[/]"
        )
    for name, estimate in use.described.items():
        meaning = f"[dim]{DESCRIBES[name]}[/]"
        measures.add_row(f"swapped: describes {name}", f"n {estimate.n}", _percent(estimate), meaning)
    yield measures
    for grounding in use.grounding:
        yield _grounding_table(grounding)
    if use.hints:
        hints = _view(("evidence", "n", "turned by wrong-caption", "n", "of these, admit it", "by chance"))
        for test in use.hints:
            cells = (str(test.turned.n), _percent(test.turned), str(test.admits.n), _percent(test.admits))
            hints.add_row(test.evidence, *cells, _percent(test.elsewhere))
        yield hints


def _grounding_table(grounding: Grounding) -> Table:
    names = list(grounding.cells[0].measures)
    view = _view(("caption × evidence", *(name.replace("_", " ") for name in names)))
    view.title = "with the option to abstain" if grounding.abstain else "caption and evidence"
    view.title_justify = "left"
    for cell in grounding.cells:
        numbers = (_number if name == "entropy" else _percent for name in names)
        values = [form(cell.measures[name]) for form, name in zip(numbers, names, strict=True)]
        view.add_row(f"{cell.caption}, {cell.evidence}", *values)
    p = "" if grounding.p_value is None else f", p {grounding.p_value:.2g}"
    responses = ", ".join(f"{name} {_percent(grounding.responses[name])}" for name in RESPONSES)
    view.caption = (
        f"effect of the caption: visible {_percent(grounding.effect_visible)}, masked "
        f"{_percent(grounding.effect_masked)}, interaction {_percent(grounding.interaction)}{p}\n"
        f"wrong caption, evidence masked: {responses}"
    )
    view.caption_justify = "left"
    return view


def _view(heads: tuple[str, ...]) -> Table:
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column(heads[0], no_wrap=True)
    for head in heads[1:]:
        view.add_column(head, justify="right")
    return view


def _pairs() -> Table:
    view = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "right", "right", "left"):
        view.add_column(justify=justify)
    return view


def _percent(estimate: Estimate) -> str:
    return _cell(estimate, 100, 0)


def _number(estimate: Estimate) -> str:
    return _cell(estimate, 1, 2)


def _cell(estimate: Estimate, scale: int, digits: int) -> str:
    if estimate.value is None:
        return "–"
    text = f"{estimate.value * scale:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return text
    low, high = (f"{round(x * scale, digits) + 0.0:.{digits}f}" for x in (estimate.low, estimate.high))
    return f"{text} [dim]{low}{'–' if estimate.low >= 0 else ' to '}{high}[/]"
