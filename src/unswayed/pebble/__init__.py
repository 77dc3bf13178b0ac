"""The bundled tiny vision-language models, for scenes only. See docs/pebble.md."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from unswayed.errors import BadInput

BUNDLED = {
    "pebble": ("weights", "unswayed pebble train"),
    "pebble-loose": ("weights_loose", "unswayed sft configs/sft-pebble-loose.toml"),
}
"""Folder of each bundled model's weights, and the command that makes them."""


def weights(name: str = "pebble") -> Path:
    """Folder of a bundled model's weights. Raises `BadInput` where the package lacks them."""
    where, command = BUNDLED[name]
    folder = Path(str(files("unswayed.pebble") / where))
    if not (folder / "config.json").exists():
        raise BadInput(
            f"the bundled model {name} is missing from {folder}; reinstall, or train it: {command}"
        )
    return folder
