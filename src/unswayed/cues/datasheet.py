"""The datasheet of a cue file: what was counted, and its Markdown form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from unswayed.cues.coverage import Coverage, coverage, is_chinese
from unswayed.question import Cues, Question

_KNOWN = ("use", "seed", "version", "questions", "cues", "writers", "phrasings", "coverage")


def counts(
    pairs: Sequence[tuple[Question, Cues]], rows: Iterable[Mapping[str, Any]], *, checked: bool
) -> dict[str, Any]:
    """Counts by slot, writer and phrasing, coverage, and, where a model `checked` them, by its result."""
    cues = [row for row in rows if row["text"]]
    sheet: dict[str, Any] = {
        "questions": len(pairs),
        "cues": _count(row["kind"] for row in cues),
        "writers": _count(row["writer"] for row in cues),
        "phrasings": _count(row["phrasing"] for row in cues),
        "coverage": [vars(row) for row in coverage(pairs)],
    }
    if chinese := sum(is_chinese(question) for question, _ in pairs):
        sheet["without_templates"] = {"Chinese": chinese}
    if checked:
        sheet["checks"] = _count(row["check"] or "not asked" for row in cues)
    return sheet


def to_markdown(sheet: Mapping[str, Any], sha256: str) -> str:
    """The datasheet for people; `sha256` is that of the rows."""
    lines = ["# Cues", "", f"SHA-256 of the rows: `{sha256}`", ""]
    lines += [f"* {name}: {sheet[name]}" for name in ("use", "seed", "version", "questions")]
    lines += [f"* {name}: {value}" for name, value in sheet.items() if name not in _KNOWN]
    for name in ("cues", "writers", "phrasings"):
        lines += ["", f"## {name.capitalize()}", "", "| | n |", "|---|---:|"]
        lines += [f"| {key} | {n} |" for key, n in sheet[name].items()]
    lines += ["", "## Coverage", "", "Questions whose cues are not written by the fallback.", ""]
    lines += ["| benchmark | family | questions | captions | thoughts |", "|---|---|---:|---:|---:|"]
    for row in (Coverage(**row) for row in sheet["coverage"]):
        captions = f"{row.captions} ({row.caption_share:.0%})"
        thoughts = f"{row.thoughts} ({row.thought_share:.0%})"
        lines.append(f"| {row.benchmark} | {row.family} | {row.questions} | {captions} | {thoughts} |")
    return "\n".join(lines) + "\n"


def _count(values: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(values).items()))
