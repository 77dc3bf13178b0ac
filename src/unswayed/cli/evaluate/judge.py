"""``unswayed judge``: let other judges read the thoughts of a stored run, without asking the model again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import endpoint, output
from unswayed.errors import BadInput
from unswayed.formatting import interval, number
from unswayed.judges import noisy
from unswayed.judges.base import Judge
from unswayed.judges.llm import LLM
from unswayed.judges.panel import PRESETS
from unswayed.judges.rules import Rules
from unswayed.metrics.judges.results import Judging
from unswayed.pipeline import rejudge
from unswayed.pipeline.audit import Run

if TYPE_CHECKING:
    from unswayed.backends.openai import Price

_LLM = "llm:"


def command(
    run: Annotated[Path, typer.Argument(help="a run folder, e.g. runs/first")],
    judge: Annotated[
        list[str],
        typer.Option("--judge", "-j", help="rules, llm:MODEL, planted:wrong=0.1, or the preset 'paper'"),
    ],
    base_url: Annotated[
        list[str] | None,
        typer.Option(
            help="address of a server for llm:openai: judges (without any: for llm:inspect: ones); "
            "one for all, or one each in order"
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="also judge what these judges judged before")
    ] = False,
    key_env: endpoint.KeyEnv = endpoint.KEY_ENV,
    concurrency: endpoint.Concurrency = 64,
    timeout: endpoint.Timeout = 600.0,
    max_requests: endpoint.MaxRequests = None,
    token_budget: endpoint.TokenBudget = None,
    price: endpoint.PriceOf = None,
    prices: endpoint.Prices = None,
    max_cost: endpoint.MaxCost = None,
    stream: endpoint.Stream = False,
) -> None:
    """Let the judges named read the thoughts of RUN; their strict majority fills its columns.

    What is judged is kept, so the same command goes on where it was stopped. Earlier judges' verdicts
    stay in verdicts.parquet, and the report shows how all of them agree. Budgets hold for all judges of the
    command together.

    [bold]Examples[/]

      unswayed judge runs/first --judge rules

      unswayed judge runs/first --judge llm:openai:Qwen/Qwen3-32B --base-url http://localhost:8000/v1

      unswayed judge runs/first --judge llm:inspect:anthropic/claude-sonnet-4-5 --max-requests 5000

      unswayed judge runs/first --judge paper --base-url http://a/v1 --base-url http://b/v1 --base-url http://c/v1
    """
    specs = expand(judge)
    endpoint.check(
        _models(specs),
        base_url,
        key_env,
        max_requests=max_requests,
        token_budget=token_budget,
        max_cost=max_cost,
        price=price,
        prices=prices,
        stream=stream,
    )
    urls = addresses(specs, base_url or [])
    Run.load(run)  # whether it is one, before any model is loaded
    options = _options(
        urls,
        lambda model: endpoint.price_of(model, price, prices),
        key_env=key_env,
        concurrency=concurrency,
        timeout=timeout,
        max_requests=max_requests,
        token_budget=token_budget,
        max_cost=max_cost,
        stream=stream,
    )
    done = _judge(run, specs, options, again)
    opened = Run.load(run)
    found = opened.judges()
    assert found is not None
    output.out.print(table(found))
    votes = ", ".join(f"{count:,} {name}" for name, count in sorted(done.outcomes.items()))
    output.out.print(f"{done.thoughts:,} thoughts: {votes or 'none'}", highlight=False)
    for name, count in done.failed.items():
        if count:
            output.err.print(
                f"{name}: could not be asked about {count:,}; run the same command again", markup=False
            )
    output.out.print(f"\nreport: {write_report(opened, opened.summary())}", highlight=False, soft_wrap=True)


def expand(specs: list[str]) -> list[str]:
    """The specs with presets written out. Raises `BadInput` for a judge named twice or of no kind."""
    found = [one for spec in specs for one in PRESETS.get(spec, (spec,))]
    for spec in found:
        if found.count(spec) > 1:
            raise BadInput(f"judge {spec!r} is named twice; name each once")
        if spec != "rules" and spec.split(":")[0] not in ("planted", "llm"):
            raise BadInput(
                f"no judge called {spec!r}: give 'rules', llm:MODEL with a model from `unswayed models`, "
                f"or a preset ({', '.join(PRESETS)})"
            )
    return found


def addresses(specs: list[str], urls: list[str]) -> dict[str, list[str]]:
    """Spec -> addresses of the servers that it is asked at, for every judge behind an endpoint.

    Addresses are those of the ``llm:openai:`` judges, or where there are none of the ``llm:inspect:`` ones.
    One judge gets all (replicas); several share one, or get one each, in order.
    """
    models = _models(specs)
    owners = endpoint.housed(models)
    if len(owners) > 1 and len(urls) not in (0, 1, len(owners)):
        raise BadInput(f"{len(urls)} addresses for {len(owners)} judges; give one for all, or one each")
    apart = len(owners) > 1 and len(urls) > 1
    own = {model: [urls[i]] if apart else urls for i, model in enumerate(owners)}
    return {_LLM + model: own.get(model, []) for model in models if endpoint.is_remote(model)}


def _models(specs: list[str]) -> list[str]:
    """The models among the judges."""
    return [spec.removeprefix(_LLM) for spec in specs if spec.startswith(_LLM)]


def _options(
    urls: dict[str, list[str]], price_of: Callable[[str], Price | None], **common: Any
) -> dict[str, dict[str, Any]]:
    """Spec -> what its backend is opened with. All of them spend from one purse."""
    found = {}
    for spec, at in urls.items():
        model = spec.removeprefix(_LLM)
        found[spec] = endpoint.options(model, at, **common, price=price_of(model.split(":", 1)[1]))
    if not found:
        return {}
    from unswayed.backends.openai import Spend

    purse = Spend()
    return {spec: {**how, "spend": purse, "schemas": True} for spec, how in found.items()}


def _judge(run: Path, specs: list[str], options: dict[str, dict[str, Any]], again: bool) -> rejudge.Judged:
    backends: list[Backend] = []

    async def seat(spec: str) -> Judge:
        if spec == "rules":
            return Rules()
        if spec.startswith("planted"):
            return noisy.make(spec)
        backends.append(open_backend(spec.removeprefix(_LLM), **options.get(spec, {})))
        await backends[-1].capabilities()  # an endpoint says only then which weights it has
        return LLM(backends[-1])

    async def go() -> rejudge.Judged:
        try:
            judges = [await seat(spec) for spec in specs]
            with output.bar("judging") as progress:
                return await rejudge.judge_run(run, judges, again=again, progress=progress)
        finally:
            await asyncio.gather(*(backend.close() for backend in backends), return_exceptions=True)
            endpoint.tell(*backends)

    try:
        return asyncio.run(go())
    except KeyboardInterrupt:
        output.err.print(
            f"\ninterrupted; what was judged is kept in {run}. To go on, run the same command again.",
            highlight=False,
        )
        raise typer.Exit(130) from None


def table(found: Judging) -> Table:
    """Judges, how much they decided, and how they compare with better ones."""
    view = Table(box=None, pad_edge=False, header_style="bold")
    view.add_column("judge")
    for head in ("thoughts", "decided", *(f"agrees with {r.name}" for r in found.references)):
        view.add_column(head, justify="right")
    agrees = {(r.name, c.judge): c.agrees for r in found.references for c in r.confusions}
    rows = [(j.name, f"{j.thoughts:,}", number(j.decided.value)) for j in found.judges]
    known = {name for name, _, _ in rows}
    rows += [(judge, "", "") for judge in dict.fromkeys(j for _, j in agrees) if judge not in known]
    for name, thoughts, decided in rows:
        cells = []
        for reference in found.references:
            e = agrees.get((reference.name, name))
            cells.append("–" if e is None else f"{number(e.value)} [dim]{interval(e)}[/]")
        view.add_row(escape(name), thoughts, decided, *cells)
    return view
