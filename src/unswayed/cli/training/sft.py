"""``unswayed sft``: finetune a model on written thoughts, with audits during training."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.shared.option_groups import option_groups
from unswayed.cli.training.training_run import TrainingArguments, run_with_progress

EPILOG = """[bold]Examples[/]

  unswayed sft configs/sft-smoke.toml

  unswayed sft configs/sft-smoke.toml --set sft.steps=60 --set thoughts.direct=0.3 --out runs/cold

  unswayed audit pebble -b scenes-easy --split train --limit 64 --conditions base -o runs/own

  unswayed sft configs/sft-smoke.toml -s thoughts.scenes=false -s thoughts.run=runs/own -o runs/self

  unswayed train configs/pebble-grpo.toml --set model.path=runs/cold/model
"""


@option_groups
def command(
    config: Annotated[Path, typer.Argument(help="a TOML file; see configs/sft-*.toml and docs/training.md")],
    run: TrainingArguments,
) -> None:
    """Finetune on written thoughts as CONFIG says (a cold start). The model goes to OUT/model.

    Thoughts come from a file, from an audit's correct responses, or are generated for scenes. Ctrl-C finishes
    and saves the current step; the same command resumes from there. Exit code 1: the training failed
    (diverged or collapsed); 2: wrong input.
    """
    from unswayed.training.sft.run import finetune, load_sft_config

    settings = load_sft_config(config, run.changes or [])
    run_with_progress(finetune, settings, run.folder("sft", settings), run.until)


command.__doc__ = cleandoc(command.__doc__ or "") + "\n\n" + EPILOG
