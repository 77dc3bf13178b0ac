"""``unswayed study``: train arms × seeds, gather what came of it, and write the report."""

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
from unswayed.cli.training.train import gently
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
    config: Annotated[
        Path, typer.Argument(help="a TOML file; see studies/ and the training page of the docs")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="folder; resumed if it exists. Default: CONFIG without .toml"),
    ] = None,
    processes: Annotated[
        int | None, typer.Option("--processes", "-p", min=1, help="how many are trained at once")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="an arm to train; as often as needed")] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="key=value, over the file and every arm; as often as needed"),
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="also go on with runs that failed")
    ] = False,
    collect_only: Annotated[
        bool, typer.Option("--collect-only", help="train nothing; gather the records and write the report")
    ] = False,
) -> None:
    """Train every arm of CONFIG with every seed, several at once; then gather the records and report.

    Ctrl-C ends the steps under way and saves them; the same command goes on from there, and leaves what is
    finished as it is. Ends with 1 where a run failed or was killed.
    """
    from unswayed.study.scheduler import train_all
    from unswayed.study.settings import load

    study = load(config, changes or [])
    unknown = [name for name in only or () if name not in study.arms]
    if unknown:
        raise BadInput(f"--only {unknown[0]!r}: no such arm; there are {', '.join(study.arms)}")
    folder = out or config.with_suffix("")
    if folder == config:
        raise BadInput(f"{config} has no ending to take away; give a folder with --out")
    ended: Sequence[RunState] = ()
    if not collect_only:
        with board() as watcher, gently() as asked:
            ended = train_all(
                study,
                folder,
                watcher,
                only=only or (),
                processes=processes,
                retry_failed=retry_failed,
                stop=asked.is_set,
            )
        if asked.is_set():
            say_stopped(folder, ended)
            raise typer.Exit(130)
        if not watcher.trained and all(run.state == "done" for run in ended):
            said = f"all {len(ended)} runs were done before; to train anew, give another folder with --out"
            output.err.print(said, highlight=False, markup=False, soft_wrap=True)
    collect(study, folder)
    bad = [run for run in ended if run.state != "done"]
    for run in bad:
        output.complain(f"{run.arm} seed {run.seed} {run.state}: {run.reason}")
    if bad:
        failed = any(run.state == "failed" for run in bad)
        more = " with --retry-failed" if failed else ""
        output.err.print(f"to go on with them, run the same command again{more}", highlight=False)
        raise typer.Exit(1)


def collect(study: Study, folder: Path) -> None:
    """Make the records and the report."""
    from unswayed.study.collect import gather

    with output.err.status("gathering"):
        found = gather(folder, study.rollouts)
    output.out.print(f"records: {folder}", highlight=False, markup=False, soft_wrap=True)
    if not found:
        output.err.print("no run has been audited yet, so there is no report", highlight=False)
        return
    from unswayed.report.study.page import write_study_report

    with output.err.status("measuring"):
        page = write_study_report(folder)
    output.out.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)


def say_stopped(folder: Path, runs: Sequence[RunState]) -> None:
    """What stands after a Ctrl-C."""
    count = Counter(run.state for run in runs)
    states = ", ".join(f"{n} {state}" for state, n in sorted(count.items()))
    output.err.print(
        f"stopped ({states}); what was done is saved in {folder}. To go on, run the same command again.",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )


class Board:
    """One bar for all steps of all runs, one for each run at work, and the lines of audits above them."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._runs: dict[tuple[str, int], RunState] = {}
        self._tasks: dict[tuple[str, int], TaskID] = {}
        self._all = bars.add_task("all runs", total=None)
        self.trained = False
        """Whether any run was at work."""

    def run(self, run: RunState, note: str) -> None:
        """See `unswayed.study.scheduler.Watcher`."""
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
            said = f"  {run.arm} seed {run.seed} {note}"
            self._bars.update(self._tasks[name], completed=run.step, description=escape(said))
        elif name in self._tasks:
            self._bars.remove_task(self._tasks.pop(name))

    def line(self, text: str) -> None:
        """See `unswayed.study.scheduler.Watcher`."""
        output.out.print(text, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def board() -> Iterator[Board]:
    """The display, on stderr; silent but for the lines where stderr is not a terminal."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # Audits and starts make steps come in bursts: the time left is told from ten minutes of them.
    with Progress(*columns, console=output.err, transient=True, speed_estimate_period=600) as bars:
        yield Board(bars)


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG
