"""``unswayed dynamics``: the training dynamics of runs that were trained elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from inspect import cleandoc
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from unswayed.backends import open_backend
from unswayed.benchmarks import registry
from unswayed.cli.evaluate.audit import LocalArguments, QuestionArguments, SamplingArguments, parse_conditions
from unswayed.cli.shared import output
from unswayed.cli.shared.option_groups import option_groups
from unswayed.cues import cue_file
from unswayed.errors import BadInput
from unswayed.formats.registry import NATIVE, find_format
from unswayed.formatting import visible
from unswayed.pipeline.audit import Run, audit
from unswayed.study.foreign.checkpoints import find_checkpoints
from unswayed.study.foreign.logs import Point, read_log
from unswayed.study.foreign.measures import NAMES
from unswayed.study.foreign.run import add_run, audit_checkpoints, write_metrics

app = typer.Typer(no_args_is_help=True, help="The training dynamics of runs that were trained elsewhere.")

EPILOG = """[bold]Examples[/]

  unswayed dynamics import out/checkpoint-500/trainer_state.json --checkpoints out -o runs/mine

  unswayed dynamics import verl.jsonl --checkpoints ckpt --arm grpo --run-seed 1 --limit 200 -o runs/verl

  unswayed dynamics import wandb_export.csv -o runs/wandb
"""


@app.callback()
def _group() -> None: ...


@option_groups
def import_command(
    logs: Annotated[
        list[Path],
        typer.Argument(
            help="trainer_state.json, JSON lines of verl, EasyR1 or W&B, a W&B .csv, TensorBoard's folder"
        ),
    ],
    asking: QuestionArguments,
    sampling: SamplingArguments,
    local: LocalArguments,
    out: Annotated[Path, typer.Option("--out", "-o", help="the study's folder; runs are added to it")],
    checkpoints: Annotated[
        Path | None, typer.Option(help="folder of checkpoint-N or global_step_N; each is audited once")
    ] = None,
    arm: Annotated[str, typer.Option(help="the run's arm in the report")] = "imported",
    run_seed: Annotated[int, typer.Option("--run-seed", min=0, help="the seed of the training")] = 0,
) -> None:
    """Add a run that was trained elsewhere to the study OUT: its logged numbers, and an audit of every
    checkpoint; then write the study's report.

    The same command resumes; other runs are added by further commands with another --arm or --run-seed. The
    report needs audits of checkpoints; without them the logged numbers are stored and printed.
    """
    conditions = parse_conditions(asking.wanted)
    if asking.format == NATIVE:
        raise BadInput("--format native: name the format, so that all checkpoints are asked in the same one")
    prompt_format = find_format(asking.format)
    cues = cue_file.read_for_audit(asking.cues) if asking.cues else None
    points = [point for log in logs for point in read_log(log)]
    models = find_checkpoints(checkpoints) if checkpoints else {}
    folder = add_run(out, arm, run_seed)
    output.out.print(metric_table(write_metrics(folder, points), points))
    if models:
        questions = registry.load(
            asking.benchmark,
            split=asking.split,
            limit=asking.limit,
            seed=asking.seed,
            data=asking.data,
            allow_private_urls=asking.allow_private_urls,
            follow_links=asking.follow_links,
        )

        def audit_one(step: int, model: Path, store: Path) -> Run:
            async def go() -> Run:
                backend = open_backend(str(model), questions, **local.options())
                try:
                    with output.progress_bar(f"step {step}") as progress:
                        return await audit(
                            backend,
                            questions,
                            conditions,
                            sampling=sampling.sampling,
                            format=prompt_format,
                            samples=asking.samples,
                            cues=cues,
                            letters=sampling.letters,
                            seed=asking.seed,
                            store=store,
                            progress=progress,
                        )
                finally:
                    await backend.close()

            return asyncio.run(go())

        audit_checkpoints(folder, models, audit_one, arm, run_seed)
    _report(out)


def metric_table(rows: Sequence[dict[str, Any]], points: Sequence[Point]) -> Table:
    """The measures that a report draws: under which name they were logged, their first and last value."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("measure", "logged as", "steps", "first", "last"):
        view.add_column(head, justify="left" if head in ("measure", "logged as") else "right")
    logged = {point.name for point in points}
    for name, theirs in NAMES.items():
        values = [(row["step"], row[name]) for row in rows if name in row]
        if values:
            source = next((n for n in logged if any(n.endswith(t) for t in theirs)), name)
            steps = f"{values[0][0]}–{values[-1][0]}"
            view.add_row(name, visible(source), steps, f"{values[0][1]:.4g}", f"{values[-1][1]:.4g}")
    others = len({name for row in rows for name in row} - set(NAMES) - {"step"})
    view.caption = f"{others} other measures are stored under the names they were logged with"
    return view


def _report(out: Path) -> None:
    from unswayed.report.study.page import write_study_report
    from unswayed.study.collect import collect_records

    with output.err.status("collecting records"):
        runs = collect_records(out, 6)
    output.out.print(f"records: {out}", highlight=False, markup=False, soft_wrap=True)
    if not runs:
        hint = "no checkpoint has been audited, so there is no report; give their folder with --checkpoints"
        output.err.print(hint, highlight=False)
        return
    with output.err.status("writing the report"):
        page = write_study_report(out)
    output.out.print(f"report: {page}", highlight=False, markup=False, soft_wrap=True)


import_command.__doc__ = cleandoc(import_command.__doc__ or "") + "\n\n" + EPILOG
app.command("import")(import_command)
