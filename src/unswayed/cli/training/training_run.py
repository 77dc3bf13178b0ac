"""What ``unswayed train`` and ``unswayed sft`` share: their options, progress, and a stop after a step."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from types import FrameType
from typing import Annotated, Any

import typer

from unswayed.cli.shared import output
from unswayed.store.study_records import slug


@dataclass(frozen=True)
class TrainingArguments:
    """Changes of the configuration, the folder, and the last step of this call."""

    changes: Annotated[
        list[str] | None, typer.Option("--set", "-s", help="key=value, overrides the file; repeatable")
    ] = None
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="folder; an existing run in it is resumed. Default: runs/COMMAND-ARM-SEED"
        ),
    ] = None
    until: Annotated[int | None, typer.Option(min=1, help="save and stop after this step")] = None

    def folder(self, command: str, settings: Any) -> Path:
        """Where the run of `settings` goes."""
        return self.out or Path("runs") / f"{command}-{slug(settings.arm)}-{settings.seed}"


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
