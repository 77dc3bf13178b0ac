"""``unswayed study``: train arms × seeds, collect the records, and write the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from unswayed.cli.shared import output
from unswayed.cli.training.training_run import graceful_stop
from unswayed.errors import BadInput

if TYPE_CHECKING:
    from unswayed.store.study_records import RunState
    from unswayed.study.settings import Study

EPILOG = """[bold]Examples[/]

  unswayed study studies/smoke.toml

  unswayed study studies/mini.toml --processes 2 --only grpo --only grpo+aug

  unswayed study studies/mini.toml --set grpo.steps=300 --set seeds=[0,1,2] --out studies/longer
"""


def command(
    config: Annotated[Path, typer.Argument(help="a TOML file; see studies/ and docs/training.md")],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="folder; an existing study in it is resumed. Default: CONFIG without .toml"
        ),
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", "-p", min=1, help="number of runs trained at once")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="train only this arm; repeatable")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="key=value, overrides the file and every arm; repeatable"),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="also resume runs that failed")
    ] = False,
    collect_only: Annotated[
        bool, typer.Option("--collect-only", help="train nothing; collect the records and write the report")
    ] = False,
) -> None:
    """Train every arm of CONFIG with every seed, several at once; then collect the records and write the
    report.

    Ctrl-C finishes and saves the current steps; the same command resumes from there and does not repeat
    finished runs. Exit code 1: a run failed or was killed.
    """
    from unswayed.study.scheduler import run_study
    from unswayed.study.settings import load_study

    study = load_study(config, changes or [])
    unknown = [name for name in only or () if name not in study.arms]
    if unknown:
        raise BadInput(f"--only {unknown[0]!r}: no such arm; there are {', '.join(study.arms)}")
    folder = out or config.with_suffix("")
    if folder == config:
        raise BadInput(f"{config} has no file extension to remove; give a folder with --out")
    ended: Sequence[RunState] = ()
    if not collect_only:
        with study_display() as display, graceful_stop() as stop:
            ended = run_study(
                study,
                folder,
                display,
                only=only or (),
                processes=processes,
                retry_failed=retry_failed,
                stop=stop.is_set,
            )
        if stop.is_set():
            print_stopped(folder, ended)
            raise typer.Exit(130)
        if not display.trained and all(run.state == "done" for run in ended):
            message = (
                f"all {len(ended)} runs were done before; to train again, give another folder with --out"
            )
            output.err.print(message, highlight=False, markup=False, soft_wrap=True)
    collect(study, folder)
    unfinished = [run for run in ended if run.state != "done"]
    for run in unfinished:
        output.print_error(f"{run.arm} seed {run.seed} {run.state}: {run.reason}")
    if unfinished:
        failed = any(run.state == "failed" for run in unfinished)
        option = " with --retry-failed" if failed else ""
        output.err.print(f"to resume them, run the same command again{option}", highlight=False)
        raise typer.Exit(1)


def collect(study: Study, folder: Path) -> None:
    """Collect the records and write the report."""
    from unswayed.study.collect import collect_records

    with output.err.status("collecting records"):
        runs = collect_records(folder, study.rollouts)
    output.out.print(f"records: {folder}", highlight=False, markup=False, soft_wrap=True)
    if not runs:
        output.err.print("no run has been audited yet, so there is no report", highlight=False)
        return
    from unswayed.report.study.page import write_study_report

    with output.err.status("writing the report"):
        page = write_study_report(folder)
    output.out.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)


def print_stopped(folder: Path, runs: Sequence[RunState]) -> None:
    """Print the states of the runs after a Ctrl-C."""
    count = Counter(run.state for run in runs)
    states = ", ".join(f"{n} {state}" for state, n in sorted(count.items()))
    output.err.print(
        f"stopped ({states}); everything done is saved in {folder}. To resume, run the same command again.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


class StudyDisplay:
    """One bar for all steps, one for each active run, and the lines of audits above them."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._runs: dict[tuple[str, int], RunState] = {}
        self._tasks: dict[tuple[str, int], TaskID] = {}
        self._all = bars.add_task("all runs", total=None)
        self.trained = False
        """Whether any run was active."""

    def run(self, run: RunState, note: str) -> None:
        """See `unswayed.study.scheduler.StudyObserver`."""
        name = (run.arm, run.seed)
        self._runs[name] = run
        made, steps = (sum(getattr(r, what) for r in self._runs.values()) for what in ("step", "steps"))
        done = sum(r.state == "done" for r in self._runs.values())
        self._bars.update(
            self._all, completed=made, total=steps, description=f"{done} of {len(self._runs)} runs done"
        )
        if run.state == "running":
            self.trained = True
            if name not in self._tasks:
                self._tasks[name] = self._bars.add_task("", completed=run.step, total=run.steps)
            description = f"  {run.arm} seed {run.seed} {note}"
            self._bars.update(self._tasks[name], completed=run.step, description=escape(description))
        elif name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))

    def line(self, text: str) -> None:
        """See `unswayed.study.scheduler.StudyObserver`."""
        output.out.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def study_display() -> Iterator[StudyDisplay]:
    """The display, on stderr; only the lines are printed where stderr is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # Audits and starts make steps come in bursts, so the speed is estimated over ten minutes.
    with Progress(*columns, console=output.err, transient=True, speed_estimate_period=600) as bars:
        yield StudyDisplay(bars)


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG
