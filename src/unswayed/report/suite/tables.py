"""The tables of a suite as CSV, Markdown and LaTeX.

CSV has one line per model, benchmark and condition, with every measure at full precision. Markdown and LaTeX
have one table for each measure of `MATRIX`, models by conditions, means over benchmarks and each benchmark
alone, and the table of finetuned against base models.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator

from unswayed.formatting import format_p, measure_info
from unswayed.metrics.summary import Estimate
from unswayed.report.tables import csv_text, escape_latex, estimate_words, exact, latex_table, markdown_table
from unswayed.suite.results import PairResult, Results, all_measures

MATRIX = ("accuracy", "drop", "consistency", "faithful_accuracy")
"""The measures of the matrix of models and conditions."""
ALL = "mean over benchmarks"
Table = tuple[str, list[str], list[list[str]]]
"""Title, head and lines."""


def to_csv(results: Results) -> str:
    """One line per model, benchmark and condition; benchmark ``mean`` holds the means over benchmarks."""
    names = list(dict.fromkeys(n for measures in all_measures(results) for n in measures))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    about = ["model", "spec", "revision", "format", "weights", "size", "finetuned_from"]
    head = [*about, "benchmark", "condition", "asked", "p_value", "p_holm"]
    writer.writerow(head + [name + part for name in names for part in ("", "_low", "_high", "_n")])
    models = {m.name: m for m in results.models}
    rows: list[tuple[str, str, str, object, object, object, dict[str, Estimate]]] = [
        (c.model, c.benchmark, c.condition, c.asked, exact(c.p_value), exact(c.p_holm), c.measures)
        for c in results.cells
    ]
    rows += [(m.model, "mean", m.condition, "", "", "", m.measures) for m in results.means]
    for name, benchmark, condition, asked, p, p_holm, measures in rows:
        m = models[name]
        texts = [csv_text(t) for t in (m.name, m.model, m.revision, m.format, m.weights)]
        line: list[object] = [
            *texts,
            m.size or "",
            csv_text(m.finetuned_from),
            csv_text(benchmark),
            condition,
        ]
        line += [asked, p, p_holm]
        for measure in names:
            e = measures.get(measure)
            line += ["", "", "", ""] if e is None else [exact(e.value), exact(e.low), exact(e.high), e.n]
        writer.writerow(line)
    return out.getvalue()


def to_markdown(results: Results) -> str:
    """All tables in GitHub's Markdown, each with its title."""
    return _joined(results, lambda t: f"### {t[0]}\n\n{markdown_table(t[1], t[2])}")


def to_latex(results: Results) -> str:
    """All tables for the `booktabs` package, each in a `table` with its caption."""

    def one(t: Table) -> str:
        return (
            "\\begin{table}\n\\centering\n\\small\n"
            f"\\caption{{{escape_latex(t[0])}}}\n{latex_table(t[1], t[2])}\\end{{table}}\n"
        )

    return _joined(results, one)


def matrix_tables(results: Results) -> Iterator[Table]:
    """Models by conditions: for each measure the means over benchmarks, then every benchmark."""
    for measure in MATRIX:
        info = measure_info(measure)
        for benchmark in benchmarks(results):
            cells = matrix(results, measure, benchmark)
            conditions = [c for c in results.conditions if any((m.name, c) in cells for m in results.models)]
            if not conditions:
                continue
            lines = [
                [m.name, *(estimate_words(cells.get((m.name, c)), info.format) for c in conditions)]
                for m in results.models
            ]
            unit = ", points" if info.format == "points" else ""
            yield f"{info.title}{unit}: {benchmark or ALL} (95 % intervals)", ["model", *conditions], lines


def benchmarks(results: Results) -> list[str]:
    """Names of the benchmarks, the mean over them (an empty name) first where there are several."""
    names = [b.name for b in results.benchmarks]
    return ["", *names] if len(names) > 1 else names


def matrix(results: Results, measure: str, benchmark: str) -> dict[tuple[str, str], Estimate]:
    """(model, condition) -> estimate on one benchmark, or the mean over all where `benchmark` is empty."""
    rows = results.means if not benchmark else [c for c in results.cells if c.benchmark == benchmark]
    return {
        (row.model, row.condition): row.measures[measure]
        for row in rows
        if measure in row.measures and row.measures[measure].value is not None
    }


def pair_table(results: Results, measure: str) -> Table | None:
    """Finetuned minus base by condition; None without such pairs."""
    found = [p for p in results.pairs if p.measure == measure]
    if not found:
        return None
    head = [
        "finetuned − base",
        "benchmark",
        "condition",
        "pairs",
        "base",
        "finetuned",
        "difference",
        "p (Holm)",
    ]
    return (
        f"{measure_info(measure).title}: finetuned against base, paired by question",
        head,
        [_pair_line(p, measure) for p in found],
    )


def _pair_line(p: PairResult, measure: str) -> list[str]:
    form = measure_info(measure).format
    sides = [estimate_words(Estimate(e.value), form) for e in (p.first, p.second)]
    difference = estimate_words(p.difference, "points" if form == "percent" else form)
    name = f"{p.finetuned} − {p.base}"
    return [
        name,
        p.benchmark or "all",
        p.condition,
        f"{p.difference.n:,}",
        *sides,
        difference,
        format_p(p.p_holm),
    ]


def _joined(results: Results, one: Callable[[Table], str]) -> str:
    pairs = [pair_table(results, measure) for measure in ("accuracy", "drop")]
    return "\n".join(one(t) for t in (*matrix_tables(results), *pairs) if t is not None)
