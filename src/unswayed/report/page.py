"""The page: one HTML file that needs nothing else, safe against whatever a model may have said.

Three walls stand between model text and the reader: Jinja escapes every value, `finalize` shows
characters that reorder or hide, and the content security policy lets only this page's own script
run. Examples travel as JSON in a block that no text can close, and the script writes them as text.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import pyarrow as pa
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unswayed.conditions import condition
from unswayed.errors import BadInput
from unswayed.formatting import clip, p_text, visible
from unswayed.metrics.judges.results import Judging
from unswayed.metrics.summary import Summary
from unswayed.report import figures, judges, sections
from unswayed.report.examples import OUTCOMES, Picture, gather
from unswayed.report.headline import headline, tiles
from unswayed.report.manifest import sections as manifest_sections
from unswayed.trial import SCHEMA

STATIC_EXAMPLES = 6
"""Shown where scripts are off."""


def build(
    summary: Summary,
    trials: pa.Table,
    manifest: Mapping[str, Any],
    picture: Picture,
    *,
    title: str | None = None,
    judging: Judging | None = None,
) -> str:
    """The report as one HTML file of at most about 6 MB.

    `trials` has the columns of `trial.SCHEMA`; `manifest` is any JSON object and is shown as it is;
    `picture` gives an image file's bytes for its SHA-256, or None; `judging` is what is known of the
    judges, if the run was judged again or checked by a person. Raises `BadInput` where the table lacks
    a column.
    """
    missing = set(SCHEMA.names) - set(trials.column_names)
    if missing:
        raise BadInput(
            f"the trials table lacks the column(s) {', '.join(sorted(missing))}; see docs/trials.md"
        )
    examples = gather(trials, picture, [row.condition for row in summary.rows])
    return render(
        "page.html.j2",
        scripts=("theme.js", "browser.js", "page.js"),
        styles=("page.css",),
        title=title or f"{clip(summary.model, 80)}: does it hold its ground?",
        summary=summary,
        sentence=headline(summary),
        tiles=tiles(summary),
        groups=list(sections.groups(summary)),
        figures=list(sections.drawings(summary, trials)),
        families=sections.families(summary),
        health=sections.health(summary),
        judging=None if judging is None else judges.section(judging),
        p_text=p_text,
        examples=examples,
        static=examples.trials[:STATIC_EXAMPLES],
        present=_present(examples.trials),
        outcomes=OUTCOMES,
        states=list(dict.fromkeys(state for row in summary.rows for state in row.states)),
        summaries={row.condition: _about(row.condition) for row in summary.rows},
        kinds={row.condition: figures.kind_of(row.condition) for row in summary.rows},
        manifest=list(manifest_sections(manifest)),
        data=json_block({"trials": examples.trials, "images": examples.images, "outcomes": OUTCOMES}),
    )


def render(template: str, *, scripts: Sequence[str], styles: Sequence[str], **values: Any) -> str:
    """A page of this package: `values` are escaped, and only `scripts` (file names) may run."""
    script = "\n".join(map(_file, scripts))
    environment = Environment(
        loader=PackageLoader("unswayed.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda v: visible(v) if isinstance(v, str) and not hasattr(v, "__html__") else v,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template).render(
        **values,
        style=Markup("\n".join(map(_file, styles))),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def json_block(value: Any) -> Markup:
    """`value` as JSON for a script block: ASCII, and without ``<``, ``>`` and ``&``, so nothing ends it."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _about(name: str) -> str:
    try:
        return condition(name).summary
    except BadInput:  # a condition of somebody else's
        return ""


def _present(trials: tuple[dict[str, Any], ...]) -> dict[str, list[str]]:
    """What the filters offer, in the order of the page."""
    return {
        "condition": list(dict.fromkeys(t["condition"] for t in trials)),
        "outcome": [name for name in OUTCOMES if any(name in t["outcomes"] for t in trials)],
        "family": sorted({t["family"] for t in trials}),
    }


def _file(name: str) -> str:
    return (
        resources.files("unswayed.report")
        .joinpath("assets", name)
        .read_text("utf-8")
        .replace("\r\n", "\n")
        .strip()
    )
