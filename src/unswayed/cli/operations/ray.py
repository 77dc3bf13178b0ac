"""``unswayed ray``: one audit in parts, each a task of a Ray cluster, into one run folder."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import output
from unswayed.errors import BackendError, BadInput, MissingExtra
from unswayed.formatting import visible
from unswayed.pipeline.audit import Run

app = typer.Typer(no_args_is_help=True, help="Audits on a Ray cluster.")

EPILOG = """[bold]Examples[/]

  unswayed ray audit Qwen/Qwen2.5-VL-7B-Instruct -b MMBench.tsv --out /shared/qwen --parts 8 --gpus 1

  unswayed ray audit pebble --limit 2048 --out runs/on-ray --parts 4

  unswayed ray audit vllm:Qwen/Qwen2.5-VL-7B-Instruct --out /shared/q --parts 16 --gpus 1 --address auto
"""


@app.callback()
def _group() -> None: ...


def audit_command(
    context: typer.Context,
    out: Annotated[Path, typer.Option("--out", "-o", help="run folder that all machines share")],
    parts: Annotated[int, typer.Option("--parts", min=1, max=10_000, help="number of tasks")] = 2,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of a task")] = 0,
    cpus: Annotated[float, typer.Option(min=0, help="CPUs of a task")] = 1,
    address: Annotated[
        str | None, typer.Option(help="of a cluster: auto, or ray://HOST:PORT; default: one on this machine")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="how often a part whose worker died is resumed")] = 20,
) -> None:
    """Run `unswayed audit` in parts on a Ray cluster; all its arguments and options may be given here.

    Each part is one task that asks every N-th question and writes its own shards into --out. A part whose
    worker or machine dies is resumed elsewhere: what it stored is not asked again. The same command resumes
    everything. Needs `unswayed[ray]` on every machine.
    """
    folder = out.resolve()
    words = ["audit", *context.args, "--out", str(folder)]
    options = {"num_gpus": gpus, "num_cpus": cpus, "max_retries": retries}
    with _cluster(address) as ray:
        _run_parts(ray, words, [f"{i}/{parts}" for i in range(1, parts + 1)], options)
        if not _finished(folder):  # two parts ended at once, and neither was the last
            _run_parts(ray, words, [f"1/{parts}"], options)
    run = Run.load(folder)
    summary = run.summary()
    output.out.print(output.condition_table(summary))
    if errors := output.failure_summary(run.trials):
        output.out.print(f"[red]errors[/]  {escape(errors)}", highlight=False, soft_wrap=True)
    page = write_report(run, summary)
    output.out.print(f"\nreport: [bold]{page}[/]", highlight=False, soft_wrap=True)


def run_words(words: Sequence[str], folder: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of ``unswayed WORDS`` in the working directory `folder`, in this process.

    A process of its own would go on when Ray kills the worker, and hold the lock of its part.
    """
    from unittest import mock

    from unswayed.cli import main

    with contextlib.suppress(OSError):  # of the driver; another machine may not have it
        os.chdir(folder)
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with (
        mock.patch.object(sys, "argv", ["unswayed", *words]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as error:
            code = error.code if isinstance(error.code, int) else int(error.code is not None)
    return code, out.getvalue(), err.getvalue()


def _run_parts(ray: Any, words: Sequence[str], parts: Sequence[str], options: dict[str, Any]) -> None:
    task = ray.remote(**options)(run_words)
    names = {task.remote([*words, "--part", part], os.getcwd()): part for part in parts}
    waiting = list(names)
    while waiting:
        (ended, *_), waiting = ray.wait(waiting)
        name = names[ended]
        try:
            code, _, err = ray.get(ended)
        except ray.exceptions.RayError as error:
            _cancel(ray, waiting)
            reason = visible((str(error).strip() or type(error).__name__).splitlines()[0])
            raise BackendError(f"part {name}: {reason}; to resume, run the same command again") from error
        if code == 2:  # wrong input is wrong for every part
            _cancel(ray, waiting)
            raise BadInput(" ".join(err.split()).removeprefix("error: "))
        state = "asked" if code == 0 else f"ended with exit code {code}"
        done = f"{len(names) - len(waiting)} of {len(names)}"
        output.err.print(f"part {name} {state} ({done})", highlight=False, markup=False)


def _cancel(ray: Any, tasks: Sequence[Any]) -> None:
    for task in tasks:
        ray.cancel(task, force=True)


def _finished(folder: Path) -> bool:
    return "finished" in Run.load(folder).manifest


@contextlib.contextmanager
def _cluster(address: str | None) -> Iterator[Any]:
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("to run on Ray: pip install 'unswayed[ray]'") from error
    here = not ray.is_initialized()
    if here:
        try:
            ray.init(address=address, log_to_driver=False, include_dashboard=False, logging_level="ERROR")
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = visible(str(error).strip().splitlines()[0]) if str(error).strip() else "no answer"
            raise BadInput(
                f"--address {address}: {reason}; start a cluster with `ray start --head`"
            ) from error
    try:
        yield ray
    finally:
        if here:
            ray.shutdown()


audit_command.__doc__ = cleandoc(audit_command.__doc__ or "") + "\n\n" + EPILOG
app.command("audit", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    audit_command
)
