"""``unswayed train``: finetune a model by reinforcement learning, with audits during training."""

from __future__ import annotations

from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unswayed.cli.shared import output
from unswayed.cli.shared.option_groups import option_groups
from unswayed.cli.training.training_run import TrainingArguments, run_with_progress
from unswayed.errors import BadInput

if TYPE_CHECKING:
    from unswayed.training.config.grpo import GrpoConfig

EPILOG = """[bold]Examples[/]

  unswayed train configs/pebble-smoke.toml

  unswayed train configs/qwen2.5-vl-7b.toml --check

  unswayed train configs/pebble-grpo.toml --set arm=grpo+aug --set seed=1 --out runs/aug-1

  unswayed train configs/qwen2.5-vl-7b.toml --engine verl --out runs/verl
"""


@option_groups
def command(
    config: Annotated[Path, typer.Argument(help="a TOML file; see configs/ and docs/training.md")],
    run: TrainingArguments,
    check: Annotated[
        bool, typer.Option("--check", help="only describe what the run would do; no weights are loaded")
    ] = False,
    engine: Annotated[
        str, typer.Option(help="trl trains here; verl writes data, options and run.sh for verl 0.9")
    ] = "trl",
) -> None:
    """Train as CONFIG says: one arm, one seed. Audits go to OUT/dynamics.parquet, the model to OUT/model.

    Settings of the arm lie lowest, CONFIG above them, --set on top. Ctrl-C finishes and saves the current
    step; the same command resumes from there. Exit code 1: the training failed (diverged or collapsed); 2:
    wrong input.
    """
    from unswayed.training.config.loader import load_config
    from unswayed.training.grpo.run import train

    settings = load_config(config, run.changes or [])
    folder = run.folder("train", settings)
    if engine not in ("trl", "verl"):
        raise BadInput(f"--engine is {engine!r}; give trl or verl")
    if engine == "verl":
        _export(settings, folder)
        return
    if check:
        from unswayed.training.grpo.dry_run import describe_training

        for topic, description in describe_training(settings, folder):
            line = f"{topic:<10} {description}"
            output.out.print(line, highlight=False, markup=False, soft_wrap=True)
        return
    run_with_progress(train, settings, folder, run.until)


def _export(settings: GrpoConfig, folder: Path) -> None:
    from unswayed.training.grpo.run import load_data
    from unswayed.training.verl.export import export_for_verl

    questions, held_out, counts = load_data(settings)
    with output.err.status("writing verl's data"):
        script = export_for_verl(settings, questions, held_out or (), folder)
    shares = ", ".join(f"{name} {count}" for name, count in counts.items())
    output.out.print(f"rows: {shares}\nscript: {script}", highlight=False, markup=False, soft_wrap=True)


command.__doc__ = cleandoc(command.__doc__ or "") + "\n\n" + EPILOG
