"""``unswayed export``: a stored run in the format of another tool."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.shared import output
from unswayed.pipeline.audit import Run
from unswayed.report.examples import data_uri
from unswayed.store.run_folder import stored_image


class ExportFormat(StrEnum):
    inspect = "inspect"


def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    to: Annotated[ExportFormat, typer.Option("--to", help="the tool")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="file to write; default: trials.eval in the run folder")
    ] = None,
) -> None:
    """Write RUN as a log that `inspect view` opens: one sample per trial, metrics by condition.

    [bold]Examples[/]

      unswayed export runs/first --to inspect

      unswayed export runs/first --to inspect --out logs/first.eval && inspect view --log-dir logs
    """
    from unswayed.export import to_inspect

    loaded = Run.load(run)
    target = out or run / "trials.eval"
    with output.err.status("writing"):
        count = to_inspect(loaded, target, lambda sha256: data_uri(stored_image(run, sha256)))
    output.out.print(f"{count:,} samples: {target}", highlight=False, soft_wrap=True)
    output.err.print(f"open it with: inspect view --log-dir {target.parent}", highlight=False, soft_wrap=True)
