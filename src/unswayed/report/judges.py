"""The section on judges of a run's page: agreement, confusion against references, corrected consistency.

Nothing is estimated here. A table for which the run has no numbers is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from unswayed.formatting import clip
from unswayed.metrics.judges.results import (
    EXACT_RULES,
    OUTCOMES,
    PERSON,
    CorrectedConsistency,
    JudgeReport,
    ReferenceReport,
)
from unswayed.report.html_tables import (
    Cell,
    estimate_cell,
    table,
    text_cell,
)

_REFERENCES = {
    EXACT_RULES: "the exact rules for drawn scenes, where these decide",
    PERSON: "a person's labels, each weighted by the number of thoughts that it was sampled from",
}
_CORRECTED = (
    ("condition", ""),
    ("as judged", "the thought's conclusion is the answer, among thoughts with a conclusion"),
    ("corrected", "after Rogan & Gladen 1978, interval of Lang & Reiczigel 2014"),
    ("by the reference", "the same share on the thoughts that the reference decided"),
    ("sensitivity", "share that the judge calls consistent, among truly consistent thoughts"),
    ("specificity", "share that the judge calls inconsistent, among truly inconsistent thoughts"),
)


def judge_section(report: JudgeReport) -> dict[str, Any]:
    """A note, and the tables of `html_tables.table`."""
    tables = [*_judges(report), *_pairs(report)]
    for reference in report.references:
        tables += [*_confusion(reference), *_corrected(report, reference)]
    return {"note": _note(report), "tables": tables}


def _note(report: JudgeReport) -> str:
    if not report.panel:
        return "The numbers on this page use the verdicts of the audit's own judge."
    names = ", ".join(clip(name, 120) for name in report.panel)
    if len(report.panel) == 1:
        return f"The numbers on this page use the verdicts of {names}."
    votes = ", ".join(f"{count:,} {name}" for name, count in report.outcomes.items())
    return (
        f"The numbers on this page use the strict majority of {names}; an abstention is a vote for no "
        f"verdict. Outcomes of the votes: {votes}."
    )


def _judges(report: JudgeReport) -> Iterator[dict[str, Any]]:
    if not report.judges:
        return
    heads = [
        ("judge", ""),
        ("version", "of the rules, or of prompt and weights"),
        ("thoughts", "that the judge was asked about"),
        ("decided", "the others are abstentions"),
        ("concludes", "thoughts with a conclusion, among the decided"),
        ("failed", "thoughts for which the judge could not be asked"),
    ]
    lines = [
        (
            clip(j.name, 120),
            [
                text_cell(clip(j.version, 80) or "—"),
                text_cell(f"{j.thoughts:,}"),
                estimate_cell(j.decided),
                estimate_cell(j.concludes),
                text_cell(f"{j.failed:,}"),
            ],
        )
        for j in report.judges
    ]
    yield table("Judges", heads, lines)


def _pairs(report: JudgeReport) -> Iterator[dict[str, Any]]:
    if not report.pairs:
        return
    among = f"the {len(report.among)} of the panel" if len(report.panel) > 1 else f"all {len(report.among)}"
    lines = [
        (f"{clip(a, 120)} · {clip(b, 120)}", [estimate_cell(e), text_cell(f"{e.n:,}")])
        for (a, b), e in report.pairs.items()
    ]
    lines += [
        (
            f"{among}: Fleiss' kappa",
            [estimate_cell(report.kappa, "number"), text_cell(f"{report.kappa.n:,}")],
        ),
        (
            f"{among}: Krippendorff's alpha",
            [estimate_cell(report.alpha, "number"), text_cell(f"{report.alpha.n:,}")],
        ),
    ]
    heads = [("judges", ""), ("agreement", "the same verdict, where both decided"), ("thoughts", "")]
    note = (
        "Verdicts on what the thought concludes. Kappa is over thoughts on which all judges decided, alpha "
        "over those with at least two verdicts; 0 is chance agreement, 1 complete agreement. Intervals are "
        "clustered by group."
    )
    yield table("Agreement", heads, lines, note)


def _confusion(reference: ReferenceReport) -> Iterator[dict[str, Any]]:
    lines = []
    for c in reference.confusions:
        for i, (truth, counts) in enumerate(c.counts.items()):
            if not sum(counts.values()):
                continue
            cells = [text_cell(f"{counts[name]:,}") for name in OUTCOMES]
            lines.append(
                (
                    f"{clip(c.judge, 120)}: {truth}",
                    [*cells, estimate_cell(c.agrees) if not i else text_cell("")],
                )
            )
    if lines:
        heads = [
            (f"judge: verdict of {reference.name}", ""),
            *((name, "verdict of the judge") for name in OUTCOMES),
        ]
        heads[-1] = ("abstains", "the judge did not decide")
        heads.append(("agrees", "the same verdict, where the judge decided"))
        note = (
            f"Reference: {_REFERENCES.get(reference.name, reference.name)}; {reference.thoughts:,} thoughts."
        )
        yield table(f"Judges against {reference.name}", heads, lines, note)


def _corrected(report: JudgeReport, reference: ReferenceReport) -> Iterator[dict[str, Any]]:
    title = f"Consistency, corrected by {reference.name}"
    note = (
        f"Consistency corrected for the judge's error against {reference.name} over all conditions. The "
        "interval is conservative where the error was measured on the same thoughts."
    )
    every = [c for c in reference.corrected if c.condition == "all"]
    if every:
        heads = [("judge", ""), *_CORRECTED[1:]]
        yield table(title, heads, [(clip(c.judge, 120), _line(c)) for c in every], note)
    # By condition for the judge whose verdicts fill the trials' columns.
    names = {c.judge for c in reference.corrected}
    majority = f"majority of {len(report.panel)}"
    decides = majority if majority in names else report.panel[0] if report.panel else ""
    by = [c for c in reference.corrected if c.judge == decides and c.condition != "all"]
    if len(by) > 1:
        lines = [(clip(c.condition, 120), _line(c)) for c in by]
        yield table(f"{title}, by condition", _CORRECTED, lines, f"As judged by {clip(decides, 120)}.", True)


def _line(c: CorrectedConsistency) -> list[Cell]:
    return [estimate_cell(e) for e in (c.apparent, c.corrected, c.by_reference, c.sensitivity, c.specificity)]
