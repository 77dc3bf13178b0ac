"""Claims as the pages show them: text, verdict, the numbers that decide, and a note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unswayed.formatting import format_interval, format_number
from unswayed.metrics.summary import Claim, ClaimPart
from unswayed.metrics.training.verdicts import TrainingClaim


def claim_items(claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """The claims on a run."""
    return [_item(claim.name, claim.text, claim.verdict, "", claim.parts, claim.note) for claim in claims]


def training_claim_items(claims: Sequence[TrainingClaim]) -> list[dict[str, Any]]:
    """The claims on training, with the rule by which the parts of each decide."""
    return [
        _item(claim.name, claim.text, claim.verdict, claim.rule, (*claim.parts, *claim.context), claim.note)
        for claim in claims
    ]


def _item(
    name: str, text: str, verdict: str, rule: str, parts: Sequence[ClaimPart], note: str
) -> dict[str, Any]:
    lines = [{"label": part.label, "either": part.either, "value": part_text(part)} for part in parts]
    return {"name": name, "text": text, "verdict": verdict, "rule": rule, "parts": lines, "note": note}


def part_text(part: ClaimPart) -> str:
    """Value, interval, threshold and n of one part, e.g.
    `+5.5 points (+1.5 to +9.4), threshold −2.0, n 200`."""
    form = "points" if part.unit == "points" else "number"
    interval = format_interval(part.estimate, form)
    text = format_number(part.estimate.value, form) + (" points" if part.unit == "points" else "")
    text += f" ({interval})" if interval else ""
    text += f", threshold {format_number(part.threshold, form)}" if part.threshold else ""
    return f"{text}, n {part.estimate.n:,}"
