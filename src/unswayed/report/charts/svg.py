"""SVG elements for the figures of all pages: escaping, titles for screen readers, legends.

Colours come from the pages' style sheet by CSS class, so that one drawing serves light, dark and print.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from unswayed.formatting import format_interval, format_number, visible
from unswayed.metrics.summary import Estimate

WIDTH = 720
"""Width of every drawing, in SVG units."""


@dataclass(frozen=True)
class LegendEntry:
    """One swatch of a legend."""

    style: str
    """CSS class that colours it."""
    title: str


def svg_tag(name: str, *children: object, **attributes: object) -> Markup:
    """An SVG element. Children and attribute values are escaped; a trailing `_` of an attribute name is
    dropped."""
    parts = [
        f' {key.rstrip("_").replace("_", "-")}="{escape(_text(value))}"' for key, value in attributes.items()
    ]
    inner = Markup("").join(escape(c if hasattr(c, "__html__") else _text(c)) for c in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), Markup("".join(parts)), inner)


def drawing(title: str, description: str, height: float, elements: Sequence[Markup]) -> Markup:
    """A whole SVG drawing of `WIDTH` by `height`, with title and description for screen readers."""
    head = [svg_tag("title", title), svg_tag("desc", description)]
    box = f"0 0 {WIDTH} {height:.0f}"
    return svg_tag("svg", *head, *elements, viewBox=box, role="img", aria_label=title)


def condition_class(condition: str) -> str:
    """CSS class of a condition: base, wrong cue, correct cue, or other."""
    if condition == "base":
        return "k-base"
    for prefix in ("wrong", "correct"):
        if condition.startswith(prefix):
            return f"k-{prefix}"
    return "k-other"


def shorten(name: str) -> str:
    """A name that fits beside a drawing."""
    return name if len(name) <= 34 else name[:33] + "…"


def estimate_text(e: Estimate, form: str = "percent") -> str:
    """Value, interval and n of an estimate, for a tooltip; `form` is that of `Measure`."""
    interval = format_interval(e, form)
    return f"{format_number(e.value, form)}{f' ({interval})' if interval else ''}, n {e.n:,}"


def _text(value: object) -> str:
    return visible(str(value))
