"""Rendering of self-contained HTML pages that are safe against hostile model text.

Jinja escapes every value, `finalize` makes characters that reorder or hide text visible, and the content
security policy allows only the page's own script. Data travels as JSON in a script block that no text can
close; the script writes it with `textContent`.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from unswayed.formatting import visible
from unswayed.store.atomic_files import os_errors_as_bad_input, write_atomic


def render(template: str, *, scripts: Sequence[str], styles: Sequence[str], **values: Any) -> str:
    """A page from a template of this package. `values` are escaped; only `scripts` (file names) may run."""
    script = "\n".join(map(_asset, scripts))
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
        style=Markup("\n".join(map(_asset, styles))),
        script=Markup(script),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
    )


def json_block(value: Any) -> Markup:
    """`value` as JSON for a script block: ASCII without ``<``, ``>`` and ``&``, so that no text ends the
    block."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def write_text(path: Path, text: str) -> None:
    """Write a file atomically. Raises `BadInput` where it cannot be written."""
    with os_errors_as_bad_input(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, text.encode())


def _asset(name: str) -> str:
    file = resources.files("unswayed.report").joinpath("assets", name)
    return file.read_text("utf-8").replace("\r\n", "\n").strip()
