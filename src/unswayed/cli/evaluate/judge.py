"""``unswayed judge``: let other judges read the thoughts of a stored run, without asking the model again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from unswayed.backends.base import Backend
from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import endpoint, output
from unswayed.cli.shared.endpoint import EndpointArguments
from unswayed.cli.shared.option_groups import option_groups
from unswayed.errors import BadInput
from unswayed.formatting import format_interval, format_number
from unswayed.judges.base import Judge
from unswayed.judges.specs import LLM, expand_presets, open_judge
from unswayed.metrics.judges.results import JudgeReport
from unswayed.pipeline import rejudge
from unswayed.pipeline.audit import Run


@option_groups
def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    judge: Annotated[
        list[str],
        typer.Option("--judge", "-j", help="rules, llm:MODEL, planted:wrong=0.1, or the preset 'paper'"),
    ],
    remote: EndpointArguments,
    again: Annotated[
        bool, typer.Option("--again", help="also judge what these judges judged before")
    ] = False,
) -> None:
    """Let the judges named read the thoughts of RUN; their strict majority fills its columns.

    Verdicts are stored as they come, so the same command continues an interrupted one. Verdicts of earlier
    judges stay in verdicts.parquet, and the report shows how all judges agree. Budgets hold for all judges of
    the command together.

    [bold]Examples[/]

      unswayed judge runs/first --judge rules

      unswayed judge runs/first --judge llm:openai:Qwen/Qwen3-32B --base-url http://localhost:8000/v1

      unswayed judge runs/first --judge llm:inspect:anthropic/claude-sonnet-4-5 --max-requests 5000

      unswayed judge runs/first --judge paper --base-url http://a/v1 --base-url http://b/v1 --base-url http://c/v1
    """
    specs = expand_presets(judge)
    remote.check(_models(specs))
    urls = assign_addresses(specs, remote.base_url or [])
    Run.load(run)  # whether it is a run folder, before any model is loaded
    result = _judge(run, specs, _backend_options(urls, remote), again)
    judged = Run.load(run)
    report = judged.judges()
    assert report is not None
    output.out.print(judge_table(report))
    votes = ", ".join(f"{count:,} {name}" for name, count in sorted(result.outcomes.items()))
    output.out.print(f"{result.thoughts:,} thoughts: {votes or 'none'}", highlight=False)
    for name, count in result.failed.items():
        if count:
            output.err.print(
                f"{name} could not be asked about {count:,} thoughts; run the same command again",
                markup=False,
            )
    output.out.print(f"\nreport: {write_report(judged, judged.summary())}", highlight=False, soft_wrap=True)


def assign_addresses(specs: list[str], urls: list[str]) -> dict[str, list[str]]:
    """Spec -> addresses of its servers, for every judge behind an endpoint.

    Addresses belong to the ``llm:openai:`` judges, or without any to the ``llm:inspect:`` ones. One judge
    gets all of them (replicas); several judges share one address, or get one each, in order.
    """
    models = _models(specs)
    owners = endpoint.address_owners(models)
    if len(owners) > 1 and len(urls) not in (0, 1, len(owners)):
        raise BadInput(f"{len(urls)} addresses for {len(owners)} judges; give one for all, or one each")
    one_each = len(owners) > 1 and len(urls) > 1
    assigned = {model: [urls[i]] if one_each else urls for i, model in enumerate(owners)}
    return {LLM + model: assigned.get(model, []) for model in models if endpoint.is_remote(model)}


def _models(specs: list[str]) -> list[str]:
    """The models among the judges."""
    return [spec.removeprefix(LLM) for spec in specs if spec.startswith(LLM)]


def _backend_options(urls: dict[str, list[str]], remote: EndpointArguments) -> dict[str, dict[str, Any]]:
    """Spec -> the options of its backend. All backends share one count of what was spent."""
    if not urls:
        return {}
    from unswayed.backends.openai import Spend

    spend = Spend()
    return {
        spec: remote.options(spec.removeprefix(LLM), addresses, spend=spend, schemas=True)
        for spec, addresses in urls.items()
    }


def _judge(
    run: Path, specs: list[str], options: dict[str, dict[str, Any]], again: bool
) -> rejudge.RejudgeResult:
    backends: list[Backend] = []

    async def opened(spec: str) -> Judge:
        judge, backend = await open_judge(spec, **options.get(spec, {}))
        if backend is not None:
            backends.append(backend)
        return judge

    async def judge() -> rejudge.RejudgeResult:
        try:
            judges = [await opened(spec) for spec in specs]
            with output.progress_bar("judging") as progress:
                return await rejudge.judge_run(run, judges, again=again, progress=progress)
        finally:
            await asyncio.gather(*(backend.close() for backend in backends), return_exceptions=True)
            endpoint.print_endpoint_notes(*backends)

    try:
        return asyncio.run(judge())
    except KeyboardInterrupt:
        output.err.print(
            f"\ninterrupted; the verdicts so far are kept in {run}. To continue, run the same command again.",
            highlight=False,
        )
        raise typer.Exit(130) from None


def judge_table(report: JudgeReport) -> Table:
    """Judges, how many thoughts they decided, and how they agree with better judges."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("judge")
    for head in ("thoughts", "decided", *(f"agrees with {r.name}" for r in report.references)):
        view.add_column(head, justify="right")
    agreement = {(r.name, c.judge): c.agrees for r in report.references for c in r.confusions}
    rows = [(j.name, f"{j.thoughts:,}", format_number(j.decided.value)) for j in report.judges]
    known = {name for name, _, _ in rows}
    rows += [(judge, "", "") for judge in dict.fromkeys(j for _, j in agreement) if judge not in known]
    for name, thoughts, decided in rows:
        cells = []
        for reference in report.references:
            estimate = agreement.get((reference.name, name))
            cells.append(
                "–"
                if estimate is None
                else f"{format_number(estimate.value)} [dim]{format_interval(estimate)}[/]"
            )
        view.add_row(escape(name), thoughts, decided, *cells)
    return view
