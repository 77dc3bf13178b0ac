"""The bundled VLM: tiny, honest about it, and good enough to be swayed. See docs/pebble.md."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from unswayed.errors import BadInput


def weights() -> Path:
    """The folder of the bundled weights. Raises `BadInput` where the package lacks them."""
    folder = Path(str(files("unswayed.pebble") / "weights"))
    if not (folder / "config.json").exists():
        raise BadInput(
            f"the bundled model is missing from {folder}; reinstall, or make it: unswayed pebble train"
        )
    return folder
