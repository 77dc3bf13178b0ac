"""The page's section on judges: agreement, confusion with better judges, corrected consistency.

Nothing is estimated here. A table for which there is nothing to show is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unswayed.formatting import clip
from unswayed.metrics.judges.results import (
    EXACT,
    OUTCOMES,
    Judging,
    Reference,
)
from unswayed.report.html_tables import (
    Cell,
    cell,
    plain,
    table,
)

_BETTER = {
    EXACT: "the exact rules for drawn questions, where these decide",
    "a person": "a person's labels; each counts for as many thoughts as it was drawn from",
}
_CORRECTED = (
    ("condition", ""),
    ("as judged", "the thought's conclusion is the answer, among thoughts with a conclusion"),
    ("corrected", "after Rogan & Gladen 1978, interval of Lang & Reiczigel 2014"),
    ("by the better judge", "the same share where the better judge looked"),
    ("calls consistent", "of what is consistent, the share that the judge calls so (sensitivity)"),
    ("calls inconsistent", "of what is not, the share that the judge calls so (specificity)"),
)


def section(judging: Judging) -> dict[str, Any]:
    """A note, and tables of title, heads (text, meaning), lines (name, cells), note, folded."""
    tables = [*_judges(judging), *_pairs(judging)]
    for reference in judging.references:
        tables += [*_confusion(reference), *_corrected(judging, reference)]
    return {"note": _note(judging), "tables": tables}


def _note(judging: Judging) -> str:
    if not judging.panel:
        return "The numbers of this page rest on the audit's own judge."
    names = ", ".join(clip(name, 120) for name in judging.panel)
    if len(judging.panel) == 1:
        return f"The numbers of this page rest on the verdicts of {names}."
    votes = ", ".join(f"{count:,} {name}" for name, count in judging.outcomes.items())
    return (
        f"The numbers of this page rest on the strict majority of {names}; an abstention counts as a vote "
        f"for nothing. How the votes went: {votes}."
    )


def _judges(judging: Judging) -> Iterator[dict[str, Any]]:
    if not judging.judges:
        return
    heads = [
        ("judge", ""),
        ("version", "rules, or contract and weights"),
        ("thoughts", "put before it"),
        ("decided", "the rest are abstentions"),
        ("concludes", "thoughts that conclude an option, among those decided on"),
        ("not asked", "the judge could not be reached, or failed"),
    ]
    lines = [
        (
            clip(j.name, 120),
            [
                plain(clip(j.version, 80) or "—"),
                plain(f"{j.thoughts:,}"),
                cell(j.decided),
                cell(j.concludes),
                plain(f"{j.failed:,}"),
            ],
        )
        for j in judging.judges
    ]
    yield table("Judges", heads, lines)


def _pairs(judging: Judging) -> Iterator[dict[str, Any]]:
    if not judging.pairs:
        return
    among = (
        f"the {len(judging.among)} of the panel" if len(judging.panel) > 1 else f"all {len(judging.among)}"
    )
    lines = [
        (f"{clip(a, 120)} · {clip(b, 120)}", [cell(e), plain(f"{e.n:,}")])
        for (a, b), e in judging.pairs.items()
    ]
    lines += [
        (f"{among}: Fleiss' kappa", [cell(judging.kappa, "number"), plain(f"{judging.kappa.n:,}")]),
        (f"{among}: Krippendorff's alpha", [cell(judging.alpha, "number"), plain(f"{judging.alpha.n:,}")]),
    ]
    heads = [("judges", ""), ("agreement", "the same conclusion, where both decided"), ("thoughts", "")]
    note = (
        "What the thought concludes, an option or nothing. Kappa over thoughts on which all decided, alpha "
        "over those with two verdicts or more; 0 is chance, 1 complete. Intervals are clustered by group."
    )
    yield table("Agreement", heads, lines, note)


def _confusion(reference: Reference) -> Iterator[dict[str, Any]]:
    lines = []
    for c in reference.confusions:
        for i, (found, counts) in enumerate(c.counts.items()):
            if not sum(counts.values()):
                continue
            cells = [plain(f"{counts[name]:,}") for name in OUTCOMES]
            lines.append((f"{clip(c.judge, 120)}: {found}", [*cells, cell(c.agrees) if not i else plain("")]))
    if lines:
        heads = [
            (f"judge: what {reference.name} found", ""),
            *((name, "what the judge found") for name in OUTCOMES),
        ]
        heads[-1] = ("abstains", "the judge did not decide")
        heads.append(("agrees", "the same conclusion, where the judge decided"))
        note = f"Against {_BETTER.get(reference.name, reference.name)}: {reference.thoughts:,} thoughts."
        yield table(f"Judges against {reference.name}", heads, lines, note)


def _corrected(judging: Judging, reference: Reference) -> Iterator[dict[str, Any]]:
    title = f"Consistency, corrected by {reference.name}"
    note = (
        "What consistency would be if the judge made no error, given how often it errs against "
        f"{reference.name} over all conditions. Wider than need be where the error was measured on the same "
        "thoughts."
    )
    every = [c for c in reference.corrected if c.condition == "all"]
    if every:
        heads = [("judge", ""), *_CORRECTED[1:]]
        yield table(title, heads, [(clip(c.judge, 120), _line(c)) for c in every], note)
    # By condition for whoever fills the columns.
    names = {c.judge for c in reference.corrected}
    majority = f"majority of {len(judging.panel)}"
    decides = majority if majority in names else judging.panel[0] if judging.panel else ""
    by = [c for c in reference.corrected if c.judge == decides and c.condition != "all"]
    if len(by) > 1:
        lines = [(clip(c.condition, 120), _line(c)) for c in by]
        yield table(f"{title}, by condition", _CORRECTED, lines, f"As judged by {clip(decides, 120)}.", True)


def _line(c: Any) -> list[Cell]:
    return [cell(e) for e in (c.seen, c.corrected, c.by_reference, c.sensitivity, c.specificity)]
