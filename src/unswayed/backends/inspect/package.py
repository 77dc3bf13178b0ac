"""The optional package inspect_ai: imported here, when it is needed, and nowhere else."""

from __future__ import annotations

from typing import Any

from unswayed.errors import MissingExtra


def import_inspect_ai(needed_by: str) -> Any:
    """The package, with its models and logs. Raises `MissingExtra`; its text begins with `needed_by`."""
    try:
        import inspect_ai.log
        import inspect_ai.model
    except ImportError as missing:
        raise MissingExtra(
            f'{needed_by} inspect_ai; install it with: pip install "unswayed[inspect]", in an environment '
            "of its own if others pin what it pins"
        ) from missing
    return inspect_ai
