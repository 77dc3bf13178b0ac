"""The documentation of the trials table repeats the schema."""

from __future__ import annotations

from pathlib import Path

from unswayed.trial import SCHEMA


def test_every_column_is_documented_with_its_meaning() -> None:
    text = (Path(__file__).parents[2] / "docs" / "trials.md").read_text("utf-8")
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| `")]
    documented = {cells[0].strip("| `"): cells[2].removesuffix(" |") for cells in rows}
    assert documented == {field.name: field.metadata[b"meaning"].decode() for field in SCHEMA}
