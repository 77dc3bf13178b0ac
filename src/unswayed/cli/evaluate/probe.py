"""``unswayed probe``: interventions on the thoughts of a stored run, and the table of what they changed."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.markup import escape
from rich.table import Table

from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.benchmarks import registry
from unswayed.cli.evaluate.audit import LocalArguments
from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import endpoint, output
from unswayed.cli.shared.endpoint import EndpointArguments
from unswayed.cli.shared.option_groups import option_groups
from unswayed.errors import BadInput
from unswayed.formatting import visible
from unswayed.interventions import INTERVENTIONS, probe, select
from unswayed.interventions import measure as measure_use
from unswayed.interventions.base_thoughts import base_thoughts, image_reader
from unswayed.metrics.summary import Estimate
from unswayed.metrics.thought_use import KINDS, MEASURES, ThoughtUse, truncated_name
from unswayed.pipeline.audit import Run
from unswayed.question import Question


@option_groups
def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    *,
    only: Annotated[
        str,
        typer.Option(help="names with commas between; think-truncated: all its shares"),
    ] = "all",
    limit: Annotated[int | None, typer.Option(min=1, help="how many thoughts; default: all")] = None,
    model: Annotated[
        str | None,
        typer.Option(help="how the model is opened, as for `unswayed audit`; default: its name in the run"),
    ] = None,
    benchmark: Annotated[
        str | None, typer.Option("--benchmark", "-b", help="supplies pictures that the run did not keep")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")
    ] = None,
    local: LocalArguments,
    remote: EndpointArguments,
) -> None:
    """Change the thoughts that a model wrote under `base`, ask it again, and print what that changes.

    Answers go to RUN/probe; the same command resumes, and a wider one adds to it. A condition that the model
    cannot be asked is stored as not asked, with the reason.

    [bold]Examples[/]

      unswayed probe runs/first

      unswayed probe runs/first --only think-truncated,think-filler --limit 100

      unswayed probe runs/mine --model Qwen/Qwen2.5-VL-7B-Instruct --device cuda

      unswayed probe runs/served --model openai:Qwen/Qwen2.5-VL-7B-Instruct --base-url http://host:8000/v1
    """
    names = select(only)
    opened = Run.load(run)
    spec = model or str(opened.manifest["asks"]["model"])
    remote.check([spec])
    questions = _questions(opened, benchmark, data)
    thoughts = base_thoughts(opened.trials, opened.manifest, image_reader(run, questions))
    options = remote.options(spec)
    if not endpoint.is_remote(spec) and not spec.startswith("scripted:"):
        options = local.options()
    try:
        backend = open_backend(spec, [thought.question for thought in thoughts], **options)
    except BadInput as error:
        hint = "" if model else " (the run stores the model's name only; say with --model how to open it)"
        raise BadInput(f"{error}{hint}") from error
    probed = _run(opened, backend, names, limit, questions)
    use = measure_use(opened)
    output.out.print(table(use))
    output.out.print(measure_table(use))
    for name, reason in not_asked(probed.trials).items():
        output.out.print(f"[yellow]not asked[/]  {name}: {escape(reason)}", highlight=False, soft_wrap=True)
    if failed := output.failure_summary(probed.trials):
        output.out.print(f"[red]errors[/]  {escape(failed)}", highlight=False, soft_wrap=True)
    page = write_report(Run.load(run), opened.summary())
    output.out.print(f"\ntrials: {probed.path}\nreport: [bold]{page}[/]", highlight=False, soft_wrap=True)


def table(use: ThoughtUse) -> Table:
    """Interventions by what they changed, each with its 95 % interval."""
    same = {truncated_name(point.share): point for point in use.curve}
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("intervention", no_wrap=True)
    for head in ("n", "answer changed", "divergence", "P(final)", "accuracy", "follows", "not ok"):
        view.add_column(head, justify="right")
    for row in use.rows:
        if not row.changed.n:
            view.add_row(row.condition, "0", "not asked", *[""] * 5, style="dim")
            continue
        point = same.get(row.condition)
        bad = sum(n for state, n in row.states.items() if state not in ("ok", "not-asked"))
        view.add_row(
            row.condition,
            str(row.changed.n),
            _percent(row.changed),
            _number(row.divergence),
            _percent(point.p_final) if point else "–",
            _percent(row.accuracy),
            _percent(row.followed),
            str(bad or ""),
        )
    return view


def measure_table(use: ThoughtUse) -> Table:
    """The measures over all interventions, and the kinds of questions."""
    view = Table(box=None, pad_edge=False, show_header=False)
    for justify in ("left", "right", "right", "left"):
        view.add_column(justify=justify)
    for name, estimate in use.measures.items():
        measure = MEASURES[name]
        value = _percent(estimate) if measure.format == "percent" else _number(estimate)
        view.add_row(measure.title.lower(), f"n {estimate.n}", value, f"[dim]{measure.meaning}[/]")
    for name, estimate in use.kinds.items():
        view.add_row(f"{name} thoughts", f"n {estimate.n}", _percent(estimate), f"[dim]{KINDS[name]}[/]")
    return view


def not_asked(trials: pa.Table) -> dict[str, str]:
    """For every intervention with trials that were not asked: how many, and the commonest reason."""
    rows = trials.filter(pc.equal(trials["state"], "not-asked")).select(["condition", "error"]).to_pylist()
    reasons: dict[str, Counter[str]] = {}
    for row in rows:
        reasons.setdefault(row["condition"], Counter())[row["error"]] += 1
    result = {}
    for name in (name for name in INTERVENTIONS if name in reasons):
        (reason, count), *others = reasons[name].most_common()
        total = sum(reasons[name].values())
        shown = visible(reason if len(reason) <= 200 else f"{reason[:199]}…")
        result[name] = f"{total:,} thoughts{f', {count:,} of them' if others else ''}: {shown}"
    return result


def _questions(run: Run, benchmark: str | None, data: Path | None) -> dict[str, Question]:
    """Questions by uid, from the benchmark that the user names; empty without one."""
    if benchmark is None:
        if data is not None:
            raise BadInput("--data needs --benchmark")
        return {}
    about: dict[str, Any] = run.manifest["asks"].get("about", {})
    questions = registry.load(
        benchmark,
        split=about.get("split") or None,
        limit=about.get("limit"),
        seed=run.manifest["asks"]["seed"],
        data=data,
    )
    return {question.uid: question for question in questions}


def _run(
    run: Run, backend: Backend, names: list[str], limit: int | None, questions: dict[str, Question]
) -> Run:
    """The probe, with a progress bar; closes the backend."""

    async def ask() -> Run:
        try:
            with output.progress_bar("probing") as progress:
                return await probe(run, backend, names, limit=limit, questions=questions, progress=progress)
        finally:
            await backend.close()
            endpoint.print_endpoint_notes(backend)

    try:
        return asyncio.run(ask())
    except KeyboardInterrupt:
        output.err.print(
            "\ninterrupted; the answers so far are kept. To resume, run the same command again.",
            highlight=False,
        )
        raise typer.Exit(130) from None


def _percent(estimate: Estimate) -> str:
    return _cell(estimate, 100, 0)


def _number(estimate: Estimate) -> str:
    return _cell(estimate, 1, 2)


def _cell(estimate: Estimate, scale: int, digits: int) -> str:
    if estimate.value is None:
        return "–"
    text = f"{estimate.value * scale:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return text
    return f"{text} [dim]{estimate.low * scale:.{digits}f}–{estimate.high * scale:.{digits}f}[/]"
