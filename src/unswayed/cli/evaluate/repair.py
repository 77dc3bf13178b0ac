"""``unswayed repair``: restore a damaged run folder from what is left of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.shared import output
from unswayed.store.repair import repair


def command(run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")]) -> None:
    """Restore RUN from its manifest, shards and table; nothing is deleted, and no model is asked.

    Trials that are lost everywhere are asked again by the same audit command.
    """
    result = repair(run)
    if result.manifest_restored:
        output.out.print("manifest.json: restored from a shard", highlight=False)
    if result.damaged_lines:
        output.out.print(f"shards: {result.damaged_lines:,} torn or damaged lines ignored", highlight=False)
    if result.recovered:
        output.out.print(f"shards: {result.recovered:,} trials restored from the table", highlight=False)
    output.out.print(f"{run}: {result.trials:,} trials", highlight=False, markup=False)
    if result.missing:
        output.err.print(
            f"{result.missing:,} trials are lost; to ask them again, run the same audit command again",
            markup=False,
        )
    elif result.missing is None:
        output.err.print("the run is not finished; to go on, run the same audit command again", markup=False)
