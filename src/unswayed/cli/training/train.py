"""``unswayed train``: finetune a model by reinforcement learning, with audits during training."""

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
    config: Annotated[Path, typer.Argument(help="a TOML file; see configs/ and docs/training.md")],
    changes: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="key=value, overrides the file; repeatable")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="folder; an existing run in it is resumed. Default: runs/train-ARM-SEED"
        ),
    ] = None,
    until: Annotated[int | None, typer.Option(min=1, help="save and stop after this step")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="only describe what the run would do; no weights are loaded")
    ] = False,
) -> None:
    """Train as CONFIG says: one arm, one seed. Audits go to OUT/dynamics.parquet, the model to OUT/model.

    Settings of the arm lie lowest, CONFIG above them, --set on top. Ctrl-C finishes and saves the current
    step; the same command resumes from there. Exit code 1: the training failed (diverged or collapsed); 2:
    wrong input.
    """
    from unswayed.training.config.loader import load_config
    from unswayed.training.grpo.run import train

    settings = load_config(config, changes or [])
    folder = out or Path("runs") / f"train-{slug(settings.arm)}-{settings.seed}"
    if check:
        from unswayed.training.grpo.dry_run import describe_training

        for topic, description in describe_training(settings, folder):
            line = f"{topic:<10} {description}"
            output.out.print(line, highlight=False, markup=False, soft_wrap=True)
        return
    run_with_progress(train, settings, folder, until)


def run_with_progress(training: Callable[..., bool], settings: Any, folder: Path, until: int | None) -> None:
    """Run a training with a progress bar, stop it after a step on request, and print its model or how to
    resume."""
    with output.progress_bar("training") as progress, graceful_stop() as stop:

        def on_message(line: str) -> None:
            output.out.print(line, highlight=False, markup=False, soft_wrap=True)

        done = training(
            settings, folder, until=until, stop=stop.is_set, on_progress=progress, on_message=on_message
        )
    if done:
        output.out.print(f"model: {folder / 'model'}", highlight=False, markup=False, soft_wrap=True)
        return
    output.err.print(
        f"stopped; the last step is saved in {folder}. To resume, run the same command again.",
        highlight=False,
        markup=False,
    )
    if stop.is_set():
        raise typer.Exit(130)


@contextmanager
def graceful_stop() -> Iterator[Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second interrupts at once."""
    stop = Event()

    def on_signal(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        output.err.print("finishing and saving this step; repeat to stop at once", highlight=False)

    try:
        before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not in the main thread, which handles signals
        yield stop
        return
    try:
        yield stop
    finally:
        for number, old in before.items():
            signal.signal(number, old)


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG
