"""Options that every command that reads a benchmark has."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")]
PrivateUrls = Annotated[
    bool,
    typer.Option("--allow-private-urls", help="fetch images from private and local network addresses too"),
]
FollowLinks = Annotated[
    bool, typer.Option("--follow-links", help="read through symbolic links that lead out of the folder")
]
