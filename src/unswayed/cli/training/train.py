"""``unswayed train``: finetune a model by reinforcement learning, and audit it on the way."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Annotated, Any

import typer

from unswayed.cli.shared import output
from unswayed.store.study_records import slug

EPILOG = """[bold]Examples[/]

  unswayed train configs/pebble-smoke.toml

  unswayed train configs/qwen2.5-vl-7b.toml --check

  unswayed train configs/pebble-grpo.toml --set arm=grpo+aug --set seed=1 --out runs/aug-1
"""


def command(
    config: Annotated[
        Path, typer.Argument(help="a TOML file; see configs/ and the training page of the docs")
    ],
    changes: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="key=value, over the file; as often as needed")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="folder; resumed if it exists. Default: runs/train-ARM-SEED"),
    ] = None,
    until: Annotated[int | None, typer.Option(min=1, help="save and stop after that step")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="only say what would be done; no weights are loaded")
    ] = False,
) -> None:
    """Train as CONFIG says: one arm, one seed. Audits go to OUT/dynamics.parquet, the model to OUT/model.

    Ctrl-C ends the step under way and saves it; the same command goes on from there. Ends with 1 where the
    training came to nothing (diverged or collapsed), with 2 where the input is wrong.
    """
    from unswayed.training.config.loader import load
    from unswayed.training.run import train

    settings = load(config, changes or [])
    folder = out or Path("runs") / f"train-{slug(settings.arm)}-{settings.seed}"
    if check:
        from unswayed.training.dry_run import plan

        for what, how in plan(settings, folder):
            line = f"{what:<10} {how}"
            output.out.print(line, highlight=False, markup=False, soft_wrap=True)
        return
    carry_out(train, settings, folder, until)


def carry_out(training: Callable[..., bool], settings: Any, folder: Path, until: int | None) -> None:
    """Run a training under a bar, stop it gently, and say where its model is or how to go on."""
    with output.bar() as progress, gently() as asked:

        def told(line: str) -> None:
            output.out.print(line, highlight=False, markup=False, soft_wrap=True)

        done = training(settings, folder, until=until, stop=asked.is_set, progress=progress, told=told)
    if done:
        output.out.print(f"model: {folder / 'model'}", highlight=False, markup=False, soft_wrap=True)
        return
    output.err.print(
        f"stopped; the last step is saved in {folder}. To go on, run the same command again.",
        highlight=False,
        markup=False,
    )
    if asked.is_set():
        raise typer.Exit(130)


@contextmanager
def gently() -> Iterator[Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second interrupts at once."""
    asked = Event()

    def once(number: int, frame: FrameType | None) -> None:
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()
        output.err.print("ending this step, then saving; once more to stop at once", highlight=False)

    try:
        before = {number: signal.signal(number, once) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread: nothing to catch here
        yield asked
        return
    try:
        yield asked
    finally:
        for number, old in before.items():
            signal.signal(number, old)


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG
