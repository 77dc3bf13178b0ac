"""``unswayed pebble``: make the bundled model again, or one of your own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.shared import output
from unswayed.errors import BadInput, MissingExtra

app = typer.Typer(help="The bundled tiny VLM.", no_args_is_help=True)


@app.callback()
def root() -> None:
    """The bundled tiny VLM."""


@app.command("train")
def train(
    out: Annotated[Path, typer.Option("--out", "-o", help="resumed if it holds a state")] = Path(
        "pebble-train"
    ),
    seed: Annotated[int, typer.Option(help="of the weights and the lessons")] = 0,
    steps: Annotated[int | None, typer.Option(help="stop early, after so many steps (for a try)")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads; more than one hardly helps")] = 1,
) -> None:
    """Train pebble from nothing on drawn scenes (about forty minutes on one CPU core); resumable.

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
    from unswayed.pebble.train import train as teach

    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    plan = Plan(seed=seed)
    if steps is not None and not 0 < steps <= plan.steps:
        raise BadInput(f"--steps is {steps}; the plan has {plan.steps}")

    with output.bar() as progress:

        def told(step: int, total: int, means: dict[str, float]) -> None:
            skills = ("see", "mark", "conclude", "letter", "direct")
            now = " ".join(f"{name} {means[name]:.0%}" for name in skills if name in means)
            progress(step, total, f"{means['stage']}: loss {means['loss']:.2f} {now}")

        teach(plan, out, told=told, until=steps)
    output.out.print(f"model: {out / 'pebble'}", highlight=False, soft_wrap=True)
