"""Text and numbers for people: units, rounding, clipping, and invisible characters made visible.

Model text may hold characters that reorder or hide the text around them; `visible` shows these by their code
point. Everything else is escaped by the template engine.
"""

from __future__ import annotations

import re

from unswayed.metrics.catalogue import MEASURES, Measure
from unswayed.metrics.summary import Estimate

MAX_CHARACTERS = 4000
"""Characters shown of any text."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls except tab and line feed
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"  # reordering, zero width, separators
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tag characters
)


def visible(text: str) -> str:
    """`text` with control, reordering and invisible characters written as ``⟨U+202E⟩``."""
    return _UNSEEN.sub(lambda m: f"⟨U+{ord(m.group()):04X}⟩", text)


def clip(text: str, limit: int = MAX_CHARACTERS) -> str:
    """`text`, or its first `limit` characters with the number of omitted characters."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … [{len(text) - limit:,} more characters are in the trials table]"


def measure_info(name: str) -> Measure:
    """Title, meaning and unit of the measure `name`; an unknown name gets itself as title."""
    return MEASURES.get(name) or Measure(name.replace("_", " "), "", "score", "number")


def format_number(value: float | None, form: str = "percent") -> str:
    """`value` rounded for display; an em dash for None.

    `form` is that of `Measure`: `percent` and `points` show a share times 100, `number` as it is.
    """
    if value is None or value != value:
        return "—"
    if form == "percent":
        return f"{100 * value:.1f} %"
    if form == "points":
        return typographic_minus(f"{100 * value:+.1f}")
    return typographic_minus(f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}")


def format_interval(e: Estimate, form: str = "percent") -> str:
    """The 95 % interval without unit; empty where there is none."""
    if e.low is None or e.high is None:
        return ""
    low, high = (format_number(v, form).removesuffix(" %") for v in (e.low, e.high))
    return f"{low} to {high}"


def format_p(p: float | None) -> str:
    """A p-value with three decimals, or `< 0.001`."""
    if p is None or p != p:
        return "—"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def typographic_minus(text: str) -> str:
    """`text` with U+2212 as minus sign, and without a sign on zero."""
    if re.fullmatch(r"[+-]0\.?0*", text):
        return text[1:]
    return text.replace("-", "−")
