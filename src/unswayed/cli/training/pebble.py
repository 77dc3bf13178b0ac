"""``unswayed pebble``: train the bundled model again, or a variant of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.shared import output
from unswayed.errors import BadInput, MissingExtra

app = typer.Typer(help="The bundled tiny VLM.", no_args_is_help=True)

_SHOWN_SKILLS = ("see", "mark", "conclude", "letter", "direct")


@app.callback()
def root() -> None:
    """The bundled tiny VLM."""


@app.command("train")
def train(
    out: Annotated[
        Path, typer.Option("--out", "-o", help="folder; an interrupted training in it is resumed")
    ] = Path("pebble-train"),
    seed: Annotated[int, typer.Option(help="seed of the weights and the lessons")] = 0,
    steps: Annotated[int | None, typer.Option(help="stop early, after this many steps")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; more than one hardly helps")] = 1,
) -> None:
    """Train pebble from scratch on generated scenes (about forty minutes on one CPU core); resumable.

    The model is written to OUT/pebble, ready for `unswayed audit OUT/pebble`; metrics to
    OUT/metrics.jsonl, a line every 20 steps with the accuracy of every skill.
    """
    try:
        import torch
        import transformers
    except ImportError as error:
        raise MissingExtra(
            "training pebble needs torch and transformers: pip install 'unswayed[local]'"
        ) from error
    from unswayed.pebble.train import Plan
    from unswayed.pebble.train import train as train_pebble

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    plan = Plan(seed=seed)
    if steps is not None and not 0 < steps <= plan.steps:
        raise BadInput(f"--steps is {steps}; the plan has {plan.steps}")

    with output.progress_bar("training") as progress:

        def on_progress(step: int, total: int, means: dict[str, float]) -> None:
            skills = " ".join(f"{name} {means[name]:.0%}" for name in _SHOWN_SKILLS if name in means)
            progress(step, total, f"{means['stage']}: loss {means['loss']:.2f} {skills}")

        train_pebble(plan, out, on_progress=on_progress, until=steps)
    output.out.print(f"model: {out / 'pebble'}", highlight=False, soft_wrap=True)
