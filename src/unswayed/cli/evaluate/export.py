"""``unswayed export``: a stored run in the form of another tool."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.evaluate.report import picture
from unswayed.cli.shared import output
from unswayed.pipeline.audit import Run
from unswayed.report.examples import data_uri


class Form(StrEnum):
    inspect = "inspect"


def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    to: Annotated[Form, typer.Option("--to", help="whose form")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="file to write; default: trials.eval in the run folder")
    ] = None,
) -> None:
    """Write RUN as a log that `inspect view` opens: one sample a trial, measures by condition.

    [bold]Examples[/]

      unswayed export runs/first --to inspect

      unswayed export runs/first --to inspect --out logs/first.eval && inspect view --log-dir logs
    """
    from unswayed.export import to_inspect

    opened = Run.load(run)
    target = out or run / "trials.eval"
    with output.err.status("writing"):
        n = to_inspect(opened, target, lambda sha: data_uri(picture(run, sha)))
    output.out.print(f"{n:,} samples: {target}", highlight=False, soft_wrap=True)
    output.err.print(f"to read it: inspect view --log-dir {target.parent}", highlight=False, soft_wrap=True)
