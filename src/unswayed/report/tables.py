"""The table by condition in the forms that papers and notebooks want: CSV, Markdown, LaTeX.

CSV holds every measure at full precision; Markdown and LaTeX hold the few that a paper prints,
rounded, with their intervals and the count of trials.
"""

from __future__ import annotations

import csv
import io
import re

from unswayed.formatting import (
    interval,
    meaning,
    number,
    p_text,
    visible,
)
from unswayed.metrics.compare import Comparison
from unswayed.metrics.summary import ConditionRow, Estimate, Summary

CORE = (
    "accuracy",
    "drop",
    "faithful_accuracy",
    "consistency",
    "cue_following",
    "p_correct",
    "letter_entropy",
)
"""Measures of the short table; those that no condition has are left out."""

_TEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    **{c: "\\" + c for c in "&%$#_"},
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "{''}",
    "−": r"$-$",
    "—": "---",
    "⟨": r"$\langle$",
    "⟩": r"$\rangle$",
}
_MD = re.compile(r"([\\`*_\[\]<>|#&~$])")


def to_csv(summary: Summary) -> str:
    """One line a condition: counts, states, then four columns a measure (value, _low, _high, _n).

    Shares are 0 to 1; numbers are written so that they read back exactly; an empty cell is "not known".
    """
    names = measured(summary)
    states = list(dict.fromkeys(state for row in summary.rows for state in row.states))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["model", "condition", "asked", *states]
    head += [name + part for name in names for part in ("", "_low", "_high", "_n")]
    writer.writerow([*head, "p_value", "p_holm"])
    for row in summary.rows:
        line: list[object] = [_cell(summary.model), _cell(row.condition), row.asked]
        line += [row.states.get(state, 0) for state in states]
        for name in names:
            e = row.measures.get(name)
            line += ["", "", "", ""] if e is None else [_exact(e.value), _exact(e.low), _exact(e.high), e.n]
        writer.writerow([*line, _exact(row.p_value), _exact(row.p_holm)])
    return out.getvalue()


def to_markdown(summary: Summary) -> str:
    """The short table in GitHub's Markdown, intervals in parentheses."""
    return _markdown(*_short(summary))


def to_latex(summary: Summary) -> str:
    """The short table for the `booktabs` package."""
    return _latex(*_short(summary))


def compare_markdown(comparison: Comparison) -> str:
    """Two runs side by side in Markdown; the difference is second minus first, in points."""
    return _markdown(*_side_by_side(comparison))


def compare_latex(comparison: Comparison) -> str:
    """Two runs side by side for `booktabs`."""
    return _latex(*_side_by_side(comparison))


def tex(text: str) -> str:
    """`text` with every character that LaTeX would act on written so that it prints as itself."""
    safe = "".join(_TEX.get(c, c) for c in visible(text).replace("\n", " "))
    # A row that begins with [ or * would be read as an argument of the \\ before it.
    return "{}" + safe if safe.startswith(("[", "*")) else safe


def measured(summary: Summary) -> list[str]:
    """Names of the measures that some condition has, in the order in which they first occur."""
    return list(dict.fromkeys(name for row in summary.rows for name in row.measures))


def _short(summary: Summary) -> tuple[list[str], list[list[str]]]:
    present = set(measured(summary))
    names = [name for name in CORE if name in present]
    with_p = any(row.p_holm is not None for row in summary.rows)
    head = ["condition", "n", *[_title(name) for name in names], *(["p (Holm)"] if with_p else [])]
    return head, [_line(row, names, with_p) for row in summary.rows]


def _side_by_side(comparison: Comparison) -> tuple[list[str], list[list[str]]]:
    head = ["condition", "pairs", comparison.first, comparison.second, "difference (points)", "p (Holm)"]
    lines = []
    for row in comparison.rows:
        values = [_said(e, "percent") for e in (row.first, row.second)]
        between = _said(row.difference, "points")
        lines.append([row.condition, str(row.difference.n), *values, between, p_text(row.p_holm)])
    return head, lines


def _markdown(head: list[str], lines: list[list[str]]) -> str:
    rule = [":--", *["--:"] * (len(head) - 1)]
    cells = [[_md(c) for c in head], rule, *[[_md(c) for c in line] for line in lines]]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def _latex(head: list[str], lines: list[list[str]]) -> str:
    first, *rows = [" & ".join(tex(c) for c in line) + r" \\" for line in (head, *lines)]
    begin = r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}"
    parts = [begin, r"\toprule", first, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(parts) + "\n"


def _title(name: str) -> str:
    m = meaning(name)
    return m.title + (" (points)" if m.format == "points" else " (nats)" if m.unit == "nats" else "")


def _line(row: ConditionRow, names: list[str], with_p: bool) -> list[str]:
    cells = [_said(row.measures.get(name), meaning(name).format) for name in names]
    return [row.condition, str(row.asked), *cells, *([p_text(row.p_holm)] if with_p else [])]


def _said(e: Estimate | None, form: str) -> str:
    if e is None or e.value is None:
        return "—"
    between = interval(e, form)
    return number(e.value, form) + (f" ({between})" if between else "")


def _md(text: str) -> str:
    return _MD.sub(r"\\\1", visible(text).replace("\n", " "))


def _exact(value: float | None) -> str:
    return "" if value is None or value != value else repr(float(value))


def _cell(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
