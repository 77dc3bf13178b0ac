"""The tables of a suite's page below the matrix, its first sentence and its key figures."""

from __future__ import annotations

from typing import Any

from unswayed.formatting import clip, format_interval, format_number, format_p, measure_info
from unswayed.metrics.paired import BASE
from unswayed.metrics.summary import Estimate
from unswayed.report.headline import KeyFigure
from unswayed.report.html_tables import Cell, estimate_cell, table, text_cell
from unswayed.report.suite.tables import matrix
from unswayed.suite.results import PairResult, Results

_SHIFTS = ("p_correct_shift", "entropy_shift", "entropy_shift_relative")
_FRAGILITY = ("auroc_p_correct_all", "auroc_neg_entropy_all", "auroc_difference_all")
_CUES = ("wrong-caption", "wrong-think")
Section = dict[str, Any]


def one_benchmark(results: Results) -> str:
    """The benchmark whose numbers stand for the suite: empty for the mean over several."""
    return "" if len(results.benchmarks) > 1 else results.benchmarks[0].name


def headline(results: Results) -> str:
    """One plain sentence on the suite: how many models, and the largest and smallest drops."""
    n, over = len(results.models), one_benchmark(results)
    where = f"{len(results.benchmarks)} benchmarks" if not over else clip(over, 80)
    text = f"{n} model{'' if n == 1 else 's'} on {where}"
    for condition, words in (("wrong-caption", "a wrong caption"), ("wrong-think", "a wrong thought")):
        drops = {m: e.value for (m, c), e in matrix(results, "drop", over).items() if c == condition}
        known = sorted((value, name) for name, value in drops.items() if value is not None)
        if len(known) > 1:
            (least, low_name), (most, high_name) = known[0], known[-1]
            text += (
                f"; {words} costs {100 * least:.0f} points ({clip(low_name, 40)}) to {100 * most:.0f} "
                f"({clip(high_name, 40)})"
            )
    return text.replace("-", "‑") + "."


def key_figures(results: Results) -> list[KeyFigure]:
    """Counts of the suite, and the spread of base accuracy."""
    trials = sum(run.trials for run in results.runs)
    questions = sum(b.questions for b in results.benchmarks)
    failed = [run for run in results.runs if run.reason]
    base = [e.value for (_, c), e in matrix(results, "accuracy", one_benchmark(results)).items() if c == BASE]
    known = [value for value in base if value is not None]
    figures = [
        _count(len(results.models), "models", "with at least one run that can be measured"),
        _count(questions, "questions", f"of {len(results.benchmarks)} benchmarks"),
        _count(trials, "trials", "over all models and conditions"),
        _count(len(failed), "runs that failed", "see the list of runs"),
    ]
    if known:
        span = f"{100 * min(known):.0f} to {100 * max(known):.0f} %"
        figures.append(KeyFigure(span, "accuracy under base", "", len(known), "lowest and highest model"))
    return figures


def pair_section(results: Results) -> list[Section]:
    """Finetuned minus base, one table for each measure: on all questions, and folded by benchmark."""
    sections = []
    single = len(results.benchmarks) == 1
    for measure in ("accuracy", "drop", "faithful_accuracy", "p_correct", "letter_entropy"):
        for pooled in (True, False):
            found = [p for p in results.pairs if p.measure == measure and (not p.benchmark) == pooled]
            if found:
                title = measure_info(measure).title + ("" if pooled or single else ", by benchmark")
                folded = measure not in ("accuracy", "drop") or not (pooled or single)
                sections.append(_pairs(results, title, measure, found, folded))
    return sections


def _pairs(results: Results, title: str, measure: str, pairs: list[PairResult], folded: bool) -> Section:
    """Pairs of models by conditions: the difference, its interval and its corrected p-value."""
    form = measure_info(measure).format
    shown = "points" if form == "percent" else form
    conditions = [c for c in results.conditions if any(p.condition == c for p in pairs)]
    by = {(p.base, p.finetuned, p.benchmark, p.condition): p for p in pairs}
    lines: list[tuple[str, list[Cell]]] = []
    for base, finetuned, benchmark in dict.fromkeys((p.base, p.finetuned, p.benchmark) for p in pairs):
        cells, same_size = [], True
        for condition in conditions:
            p = by.get((base, finetuned, benchmark, condition))
            if p is None:
                cells.append(text_cell("—"))
                continue
            same_size = p.same_size
            below = f"{format_interval(p.difference, shown)}\np {format_p(p.p_holm)}"
            cells.append(text_cell(format_number(p.difference.value, shown), below))
        name = f"{finetuned} − {base}" + (
            f", {benchmark}" if benchmark and len(results.benchmarks) > 1 else ""
        )
        lines.append((name if same_size else f"{name} (sizes differ or are not known)", cells))
    unit = {"points": ", points", "number": ""}[shown]
    return table(
        f"{title}{unit}", [("finetuned − base", ""), *((c, "") for c in conditions)], lines, folded=folded
    )


def shift_table(results: Results) -> Section | None:
    """P(correct) and entropy under base, and their paired shifts under the wrong cues, by model."""
    over = one_benchmark(results)
    columns: list[tuple[str, str]] = [("p_correct", BASE), ("letter_entropy", BASE)]
    columns += [(name, cue) for cue in _CUES for name in _SHIFTS]
    return _by_model(results, columns, over, "Shifts of P(correct) and letter entropy against base")


def fragility_table(results: Results) -> Section | None:
    """How well base P(correct), and minus base entropy, predict who is right under a wrong cue, by model."""
    columns = [(name, cue) for cue in _CUES for name in _FRAGILITY]
    return _by_model(results, columns, one_benchmark(results), "Fragility: which answers stay right (AUROC)")


def _by_model(results: Results, columns: list[tuple[str, str]], over: str, title: str) -> Section | None:
    values = {column: matrix(results, column[0], over) for column in columns}
    shown = [c for c in columns if any(cond == c[1] for _, cond in values[c])]
    lines = []
    for model in results.models:
        found = [values[c].get((model.name, c[1])) for c in shown]
        if any(found):
            cells = [
                estimate_cell(e, measure_info(c[0]).format) if e else text_cell("—")
                for e, c in zip(found, shown, strict=True)
            ]
            lines.append((model.name, cells))
    heads = [("model", "")]
    heads += [(f"{measure_info(name).title}, {cond}", measure_info(name).meaning) for name, cond in shown]
    return table(title, heads, lines) if lines else None


def rank_table(results: Results) -> Section | None:
    """Ranks by accuracy under each condition, with their confidence sets."""
    conditions = list(dict.fromkeys(r.condition for r in results.ranks))
    by = {(r.model, r.condition): r for r in results.ranks}
    lines = []
    for model in results.models:
        cells = []
        for condition in conditions:
            r = by.get((model.name, condition))
            span = "" if r is None else f"{r.best} to {r.worst}" if r.best < r.worst else f"{r.best}"
            cells.append(
                text_cell("—") if r is None else text_cell(str(r.rank), f"{span} · {100 * r.value:.1f} %")
            )
        lines.append((model.name, cells))
    note = (
        "Rank by accuracy, the mean over benchmarks on the questions that all models answered; below, the "
        "95 % confidence set of the rank from pairwise comparisons (Mogstad et al. 2024), and the accuracy. "
        "Where two sets do not overlap, these questions tell the models apart."
    )
    heads = [("model", ""), *((condition, "") for condition in conditions)]
    return table("Ranks", heads, lines, note) if conditions else None


def order_table(results: Results) -> Section | None:
    """How far another judge, format or seed orders the models the same way."""
    columns = list(dict.fromkeys((o.measure, o.condition) for o in results.orders))
    by = {(o.kind, o.first, o.second, o.measure, o.condition): o for o in results.orders}
    lines = []
    for kind, first, second in dict.fromkeys((o.kind, o.first, o.second) for o in results.orders):
        cells = []
        for column in columns:
            o = by.get((kind, first, second, *column))
            value = "—" if o is None or o.tau is None else format_number(o.tau, "number")
            cells.append(text_cell(value, f"{o.models} models" if o else ""))
        lines.append((f"{kind}: {clip(first, 60)} and {clip(second, 60)}", cells))
    heads = [("Kendall's τ", "1: the same order, −1: the reverse; an em dash where one order has only ties")]
    heads += [(f"{measure_info(measure).title}, {condition}", "") for measure, condition in columns]
    title = "Does another judge, format or seed order the models differently?"
    note = "With few models τ is coarse: of four models, one swap of neighbours lowers it by a third."
    return table(title, heads, lines, note) if lines else None


def score_table(results: Results) -> Section | None:
    """The scores that the benchmarks' authors define, under base."""
    lines = [
        (
            run.model,
            [
                text_cell(run.benchmark),
                text_cell(score.name, clip(score.meaning, 200)),
                estimate_cell(Estimate(score.value, score.low, score.high, score.n)),
                text_cell(f"{score.n:,}", f"{score.incomplete:,} incomplete" if score.incomplete else ""),
            ],
        )
        for run in results.runs
        for score in run.scores
        if len(run.scores) > 1
    ]
    heads = [("model", ""), ("benchmark", ""), ("score", ""), ("value", ""), ("n", "rows or sets")]
    return table("Official scores under base", heads, lines, folded=True) if lines else None


def stop_table(results: Results) -> Section | None:
    """What sequential stopping saved, with the drops' confidence sequences; None where it was not used."""
    runs = [(run, run.stop) for run in results.runs if run.stop]
    conditions = [c for c in results.conditions if any(c in stop.drops for _, stop in runs)]
    lines = []
    for run, stop in runs:
        saved = 1 - stop.asked / stop.questions if stop.questions else 0.0
        cells = [text_cell(f"{stop.asked:,} of {stop.questions:,}", f"saved {100 * saved:.0f} %")]
        cells += [
            estimate_cell(stop.drops[c], "points") if c in stop.drops else text_cell("—") for c in conditions
        ]
        lines.append((f"{run.model}/{run.benchmark}", cells))
    heads = [("run", ""), ("questions asked", ""), *((f"drop, {c}", "") for c in conditions)]
    note = (
        "Questions were asked in batches of a random order until every drop was within the target. These "
        "intervals are 95 % confidence sequences, valid at every look (Waudby-Smith et al. 2024); the others "
        "on this page are for a number of questions that is fixed in advance."
    )
    return table("Sequential stopping", heads, lines, note) if lines else None


def run_table(results: Results) -> Section:
    """Every run of the suite: state, trials, time, verdicts on the claims of a single audit."""
    claims = list(dict.fromkeys(name for run in results.runs for name in run.claims))
    heads = [
        ("run", ""),
        ("state", ""),
        ("trials", ""),
        ("minutes", "wall time"),
        *((c, "") for c in claims),
        ("", ""),
    ]
    short = {"holds": "holds", "does not hold": "no", "undecided": "?", "not tested": "–"}
    lines = []
    for run in results.runs:
        verdicts = [text_cell(short.get(run.claims.get(c, ""), "")) for c in claims]
        cells = [text_cell(run.state), text_cell(f"{run.trials:,}"), text_cell(f"{run.seconds / 60:,.1f}")]
        lines.append((f"{run.model}/{run.benchmark}", [*cells, *verdicts, text_cell(clip(run.reason, 400))]))
    note = "C1 to C6 and C14 are the claims that each run's own page tests; ? is undecided, – not tested."
    return table("Runs", heads, lines, note)


def model_table(results: Results) -> Section:
    """The models as they were asked."""
    heads = [
        ("model", ""),
        ("asked as", ""),
        ("prompt format", ""),
        ("weights", ""),
        ("size", "billions of parameters"),
        ("finetuned from", ""),
    ]
    lines = [
        (
            m.name,
            [
                text_cell(clip(m.model, 80), m.revision[:12]),
                text_cell(m.format),
                text_cell(m.weights),
                text_cell(f"{m.size:g}" if m.size else "—"),
                text_cell(m.finetuned_from or "—"),
            ],
        )
        for m in results.models
    ]
    return table("Models", heads, lines)


def interval_words(e: Estimate, form: str) -> str:
    """Value and interval in a line."""
    between = format_interval(e, form)
    return f"{format_number(e.value, form)} ({between})" if between else format_number(e.value, form)


def _count(n: int, title: str, meaning: str) -> KeyFigure:
    return KeyFigure(f"{n:,}", title, "", n, meaning)
