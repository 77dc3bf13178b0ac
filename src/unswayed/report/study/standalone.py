"""A drawing of a study as an SVG file of its own, with legend and styles for light and dark."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from unswayed.formatting import clip
from unswayed.report.charts.svg import WIDTH, svg_tag
from unswayed.report.study.figures import arm_class

_LIGHT = ("#1d1f21", "#0072b2", "#c98a00", "#c85200", "#00805c", "#b0578b", "#56b4e9", "#7a7f86")
_DARK = ("#e6e4df", "#4fa8de", "#efb43c", "#f0813b", "#2fbf95", "#d48fb6", "#7cc4ee", "#8d939a")


def standalone(drawing: Markup, arms: Sequence[str]) -> str:
    """`drawing` as the text of an SVG file with a legend of `arms`; it follows the reader's light or dark
    scheme."""
    head, rest = str(drawing).split(">", 1)
    size = head[head.index('viewBox="') + 9 :].split('"', 1)[0].split(" ")
    height = float(size[3]) + 30
    names, x = [], 14.0
    for i, arm in enumerate(arms):
        shown = clip(arm, 24)
        names.append(svg_tag("circle", cx=f"{x:.0f}", cy=14, r=5, class_=f"dot {arm_class(i)}"))
        names.append(svg_tag("text", shown, x=f"{x + 10:.0f}", y=18))
        x += 32 + 7.0 * len(shown)
    width = max(float(WIDTH), x)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img"><style>{_STYLE}</style>'
        f'<rect width="100%" height="100%" class="paper"/>{Markup("").join(names)}'
        f'<g transform="translate(0 30)">{rest.removesuffix("</svg>")}</g></svg>\n'
    )


def _theme(paper: str, line: str, soft: str, colours: Sequence[str]) -> str:
    arms = "".join(f".a{i}{{color:{c}}}" for i, c in enumerate(colours))
    return (
        f".paper{{fill:{paper}}}text{{fill:{colours[0]}}}.tick{{fill:{soft}}}.grid{{stroke:{line}}}"
        f".hollow{{fill:{paper}}}{arms}"
    )


_STYLE = (
    "text{font:12.5px system-ui,sans-serif}.tick{font-size:11px}.end{text-anchor:end}.mid{text-anchor:middle}"
    ".dot{fill:currentColor}.hollow{stroke:currentColor;stroke-width:1.6}"
    ".curve{fill:none;stroke:currentColor;stroke-width:2}"
    ".seed{fill:none;stroke:currentColor;stroke-width:.8;opacity:.45}"
    ".band{fill:currentColor;opacity:.12}"
    + _theme("#fdfcf9", "#e2dfd7", "#5c6066", _LIGHT)
    + "@media(prefers-color-scheme:dark){"
    + _theme("#16181b", "#33373c", "#a3a7ad", _DARK)
    + "}"
)
