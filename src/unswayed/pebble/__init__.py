"""The bundled tiny vision-language model, for scenes only. See docs/pebble.md."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from unswayed.errors import BadInput


def weights() -> Path:
    """Folder of the bundled weights. Raises `BadInput` where the package lacks them."""
    folder = Path(str(files("unswayed.pebble") / "weights"))
    if not (folder / "config.json").exists():
        raise BadInput(
            f"the bundled model is missing from {folder}; reinstall, or train it: unswayed pebble train"
        )
    return folder
