"""How text and numbers are written on the page: one place for units, rounding and hostile characters.

Model text may hold characters that reorder or hide what stands around them; `visible` shows those
by their code point instead. Everything else is escaped by the template engine.
"""

from __future__ import annotations

import re

from unswayed.metrics.catalogue import MEASURES, Measure
from unswayed.metrics.summary import Estimate

CLIP = 4000
"""Characters shown of any one text."""

_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls, save tab and line feed
    "\u061c\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff"  # reordering, zero width, separators
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates, tag characters
)


def visible(text: str) -> str:
    """`text` with control, reordering and invisible characters written as ``⟨U+202E⟩``."""
    return _UNSEEN.sub(lambda m: f"⟨U+{ord(m.group()):04X}⟩", text)


def clip(text: str, limit: int = CLIP) -> str:
    """`text`, or its first `limit` characters and a note of how many were left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]} … [{len(text) - limit:,} more characters are in the trials table]"


def meaning(name: str) -> Measure:
    """What the measure `name` is called and means; one that nobody described is named after itself."""
    return MEASURES.get(name) or Measure(name.replace("_", " "), "", "score", "number")


def number(value: float | None, form: str = "percent") -> str:
    """`value` rounded for reading, an em dash where there is none.

    `form` is that of `Measure`: `percent` and `points` show a share times 100, `number` as it is.
    """
    if value is None or value != value:
        return "—"
    if form == "percent":
        return f"{100 * value:.1f} %"
    if form == "points":
        return minus(f"{100 * value:+.1f}")
    return minus(f"{value:.3f}" if abs(value) < 10 else f"{value:,.1f}")


def interval(e: Estimate, form: str = "percent") -> str:
    """The 95 % interval, without unit; empty where there is none."""
    if e.low is None or e.high is None:
        return ""
    low, high = (number(v, form).removesuffix(" %") for v in (e.low, e.high))
    return f"{low} to {high}"


def p_text(p: float | None) -> str:
    """A p-value: three decimals, or a bound."""
    if p is None or p != p:
        return "—"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def minus(text: str) -> str:
    """With the sign that typographers use, and no sign on zero."""
    if re.fullmatch(r"[+-]0\.?0*", text):
        return text[1:]
    return text.replace("-", "−")
