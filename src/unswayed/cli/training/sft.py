"""``unswayed sft``: finetune a model on written thoughts, and audit it on the way."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.training.train import carry_out
from unswayed.store.study_records import slug

EPILOG = """[bold]Examples[/]

  unswayed sft configs/sft-smoke.toml

  unswayed sft configs/sft-smoke.toml --set sft.steps=60 --set thoughts.direct=0.3 --out runs/cold

  unswayed audit pebble -b scenes-easy --split train --limit 64 --conditions base -o runs/own

  unswayed sft configs/sft-smoke.toml -s thoughts.scenes=false -s thoughts.run=runs/own -o runs/self

  unswayed train configs/pebble-grpo.toml --set model.path=runs/cold/model
"""


def command(
    config: Annotated[
        Path, typer.Argument(help="a TOML file; see configs/sft-*.toml and the training page of the docs")
    ],
    changes: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="key=value, over the file; as often as needed")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="folder; resumed if it exists. Default: runs/sft-ARM-SEED"),
    ] = None,
    until: Annotated[int | None, typer.Option(min=1, help="save and stop after that step")] = None,
) -> None:
    """Finetune on written thoughts as CONFIG says: a cold start. The model goes to OUT/model.

    Thoughts come from a file, from an audit's right answers, or are written for drawn scenes. Ctrl-C ends the
    step under way and saves it; the same command goes on from there. Ends with 1 where the training came to
    nothing (diverged or collapsed), with 2 where the input is wrong.
    """
    from unswayed.training.sft.run import finetune, load

    settings = load(config, changes or [])
    folder = out or Path("runs") / f"sft-{slug(settings.arm)}-{settings.seed}"
    carry_out(finetune, settings, folder, until)


command.__doc__ = cleandoc(command.__doc__ or "") + "\n\n" + EPILOG
