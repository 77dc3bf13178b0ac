"""Draws the picture and the table of packages in architecture.md from layers.toml.

python docs/architecture.py
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

BEGIN, END = "<!-- layers: docs/architecture.py -->", "<!-- end of layers -->"


def picture(layers: Sequence[Mapping[str, Any]]) -> str:
    """One line a layer, the last on top; each may use all that stand below it."""
    width = max(len(layer["title"]) for layer in layers)
    rows = [f"{layer['title']:>{width}} │ {'   '.join(layer['packages'])}" for layer in reversed(layers)]
    return "```\n" + "\n".join(rows) + "\n```"


def table(layers: Sequence[Mapping[str, Any]]) -> str:
    """Package by package, from the bottom up."""
    rows = [f"| `{name}` | {what} |" for layer in layers for name, what in layer["packages"].items()]
    return "\n".join(["| package | what it holds |", "|---|---|", *rows])


def fill(page: str, layers: Sequence[Mapping[str, Any]]) -> str:
    """The page with picture and table between its two marks."""
    drawn = f"{BEGIN}\n{picture(layers)}\n\n{table(layers)}\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", lambda _: drawn, page, flags=re.DOTALL)


if __name__ == "__main__":
    here = Path(__file__).parent
    at = here / "architecture.md"
    layers = tomllib.loads((here / "layers.toml").read_text("utf-8"))["layer"]
    at.write_text(fill(at.read_text("utf-8"), layers), "utf-8")
