"""The page of a suite: one self-contained HTML file."""

from __future__ import annotations

from unswayed.suite.collect import Collected

PAGE = "report.html"


def build(collected: Collected) -> str:
    """The page as one HTML file."""
    return ""
