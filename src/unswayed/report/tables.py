"""The table by condition as CSV, Markdown and LaTeX.

CSV holds every measure at full precision. Markdown and LaTeX hold the measures of `SHORT_TABLE`, rounded,
with their intervals and the number of trials.
"""

from __future__ import annotations

import csv
import io
import re

from unswayed.formatting import (
    format_interval,
    format_number,
    format_p,
    measure_info,
    visible,
)
from unswayed.metrics.summary import ConditionRow, Estimate, Summary

SHORT_TABLE = (
    "accuracy",
    "drop",
    "faithful_accuracy",
    "consistency",
    "cue_following",
    "p_correct",
    "letter_entropy",
)
"""Measures of the short table; a measure that no condition has is left out."""

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
    """One line per condition: counts, states, then four columns per measure (value, _low, _high, _n), and
    p-values.

    Shares are 0 to 1; numbers read back exactly; an empty cell means "not known".
    """
    names = measures_present(summary)
    states = list(dict.fromkeys(state for row in summary.rows for state in row.states))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["model", "condition", "asked", *states]
    head += [name + part for name in names for part in ("", "_low", "_high", "_n")]
    tested = list(dict.fromkeys(name for row in summary.rows for name in row.shift_p))
    head += ["p_value", "p_holm", *(name + part for name in tested for part in ("_p", "_p_holm"))]
    writer.writerow(head)
    for row in summary.rows:
        line: list[object] = [csv_text(summary.model), csv_text(row.condition), row.asked]
        line += [row.states.get(state, 0) for state in states]
        for name in names:
            e = row.measures.get(name)
            line += ["", "", "", ""] if e is None else [exact(e.value), exact(e.low), exact(e.high), e.n]
        line += [exact(row.p_value), exact(row.p_holm)]
        for name in tested:
            p = row.shift_p.get(name)
            line += ["", ""] if p is None else [exact(p.p), exact(p.holm)]
        writer.writerow(line)
    return out.getvalue()


def to_markdown(summary: Summary) -> str:
    """The short table in GitHub's Markdown, with intervals in parentheses."""
    return markdown_table(*_short(summary))


def to_latex(summary: Summary) -> str:
    """The short table for the `booktabs` package."""
    return latex_table(*_short(summary))


def escape_latex(text: str) -> str:
    """`text` with the special characters of LaTeX escaped."""
    safe = "".join(_TEX.get(c, c) for c in visible(text).replace("\n", " "))
    # LaTeX reads [ or * at the beginning of a row as an argument of the \\ before it.
    return "{}" + safe if safe.startswith(("[", "*")) else safe


def measures_present(summary: Summary) -> list[str]:
    """Names of the measures that some condition has, in the order of their first occurrence."""
    return list(dict.fromkeys(name for row in summary.rows for name in row.measures))


def _short(summary: Summary) -> tuple[list[str], list[list[str]]]:
    present = set(measures_present(summary))
    names = [name for name in SHORT_TABLE if name in present]
    with_p = any(row.p_holm is not None for row in summary.rows)
    head = ["condition", "n", *[_title(name) for name in names], *(["p (Holm)"] if with_p else [])]
    return head, [_line(row, names, with_p) for row in summary.rows]


def markdown_table(head: list[str], lines: list[list[str]]) -> str:
    """A table in GitHub's Markdown, cells escaped."""
    rule = [":--", *["--:"] * (len(head) - 1)]
    cells = [[_md(c) for c in head], rule, *[[_md(c) for c in line] for line in lines]]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells) + "\n"


def latex_table(head: list[str], lines: list[list[str]]) -> str:
    """A table for the `booktabs` package, cells escaped."""
    first, *rows = [" & ".join(escape_latex(c) for c in line) + r" \\" for line in (head, *lines)]
    begin = r"\begin{tabular}{l" + "r" * (len(head) - 1) + "}"
    parts = [begin, r"\toprule", first, r"\midrule", *rows, r"\bottomrule", r"\end{tabular}"]
    return "\n".join(parts) + "\n"


def _title(name: str) -> str:
    m = measure_info(name)
    return m.title + (" (points)" if m.format == "points" else " (nats)" if m.unit == "nats" else "")


def _line(row: ConditionRow, names: list[str], with_p: bool) -> list[str]:
    cells = [estimate_words(row.measures.get(name), measure_info(name).format) for name in names]
    return [row.condition, str(row.asked), *cells, *([format_p(row.p_holm)] if with_p else [])]


def estimate_words(e: Estimate | None, form: str) -> str:
    """Value and interval of an estimate; an em dash for None."""
    if e is None or e.value is None:
        return "—"
    between = format_interval(e, form)
    return format_number(e.value, form) + (f" ({between})" if between else "")


def _md(text: str) -> str:
    return _MD.sub(r"\\\1", visible(text).replace("\n", " "))


def exact(value: float | None) -> str:
    """A number that reads back exactly; empty for None."""
    return "" if value is None or value != value else repr(float(value))


def csv_text(text: str) -> str:
    """`text` with a leading quote where a spreadsheet would take it for a formula."""
    return "'" + text if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text
