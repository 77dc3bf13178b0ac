"""``unswayed audit``: ask a model under several conditions, record, measure, report."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from unswayed import conditions
from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.benchmarks import registry
from unswayed.cli.evaluate.report import write_report
from unswayed.cli.shared import endpoint, output
from unswayed.cues import cue_file
from unswayed.errors import BadInput
from unswayed.model_io import Sampling
from unswayed.pipeline import rejudge
from unswayed.pipeline.audit import Run
from unswayed.pipeline.audit import audit as run_audit

EPILOG = """[bold]Examples[/]

  unswayed audit pebble

  unswayed audit pebble --benchmark scenes --limit 512 --conditions base,wrong-caption,wrong-think

  unswayed audit Qwen/Qwen2.5-VL-7B-Instruct --benchmark MMBench_DEV_EN.tsv --limit 300

  unswayed audit openai:Qwen/Qwen2.5-VL-7B-Instruct --base-url http://host:8000/v1 --limit 300

  unswayed audit vllm:Qwen/Qwen2.5-VL-7B-Instruct:max_model_len=16384 --limit 300

  unswayed audit inspect:anthropic/claude-sonnet-4-5 --limit 300 --max-requests 5000

  unswayed audit scripted:caption-follower:p=0.4 --out runs/planted

  unswayed cues write MMBench_DEV_EN.tsv --out cues.parquet
  unswayed audit pebble --benchmark MMBench_DEV_EN.tsv --cues cues.parquet
"""


def command(
    model: Annotated[
        str,
        typer.Argument(
            help="pebble, a folder, a hub id, vllm:MODEL, openai:MODEL, inspect:PROVIDER/MODEL, scripted:NAME"
        ),
    ],
    benchmark: Annotated[
        str, typer.Option("--benchmark", "-b", help="a name from `unswayed benchmarks`, or a .tsv file")
    ] = "scenes",
    data: Annotated[
        Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")
    ] = None,
    split: Annotated[str | None, typer.Option(help="which split; scenes has train, dev and test")] = None,
    limit: Annotated[int | None, typer.Option(help="how many questions; default: all (scenes: 512)")] = None,
    wanted: Annotated[
        str, typer.Option("--conditions", "-c", help="names with commas between, or 'all'")
    ] = "all",
    seed: Annotated[int, typer.Option(help="draws questions, wrong options, phrasings and samples")] = 0,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="run folder; resumed if it exists")] = None,
    samples: Annotated[
        int, typer.Option(help="how often each is asked; more than 1 needs a temperature")
    ] = 1,
    temperature: Annotated[float, typer.Option(min=0.0, help="0: greedy")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0.0, max=1.0)] = 1.0,
    max_tokens: Annotated[int, typer.Option(min=1, help="of a generation")] = 1024,
    letters: Annotated[bool, typer.Option(help="measure letter probabilities")] = True,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16, float16")] = "auto",
    batch_size: Annotated[str, typer.Option(help="auto, or a number")] = "auto",
    revision: Annotated[str | None, typer.Option(help="commit or tag of a hub model")] = None,
    cues: Annotated[
        Path | None, typer.Option(help="a file of `unswayed cues write`; default: written as it goes")
    ] = None,
    base_url: endpoint.BaseUrl = None,
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
    """Ask MODEL the same questions plainly and under misleading text; print the table, write the report."""
    names = parse_conditions(wanted)
    endpoint.check(
        [model],
        base_url,
        key_env,
        max_requests=max_requests,
        token_budget=token_budget,
        max_cost=max_cost,
        price=price,
        prices=prices,
        stream=stream,
    )
    written = cue_file.for_audit(cues) if cues else None
    sampling = Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens)
    questions = registry.load(benchmark, split=split, limit=limit, seed=seed, data=data)
    for row in questions.skipped[:5]:
        output.err.print(f"[yellow]left out[/] {escape(str(row))}", highlight=False)
    if len(questions.skipped) > 5:
        output.err.print(f"[yellow]left out[/] {len(questions.skipped) - 5} more rows", highlight=False)
    options: dict[str, Any] = {}
    if endpoint.is_remote(model):
        costs = endpoint.price_of(model.split(":", 1)[1], price, prices)
        options = endpoint.options(
            model,
            base_url,
            key_env,
            concurrency,
            timeout,
            max_requests,
            token_budget,
            max_cost,
            costs,
            stream,
        )
    elif not model.startswith("scripted:"):
        options = {
            "device": device,
            "dtype": dtype,
            "batch_size": parse_batch(batch_size),
            "revision": revision,
        }
    backend = open_backend(model, questions, **options)
    folder = out or Path("runs") / f"{slug(backend.name)}-{slug(questions.name)}"
    about = {
        "benchmark": questions.name,
        "version": questions.version,
        "split": split or "",
        "limit": limit,
        "questions": len(questions),
        "left_out": len(questions.skipped),
    }
    if written:
        about["cues"] = written.sha256
    run = _ask(backend, questions, names, sampling, samples, letters, seed, folder, about, written)
    summary = run.summary()
    output.out.print(output.table(summary))
    if failed := output.failures(run.trials):
        output.out.print(f"[red]errors[/]  {escape(failed)}", highlight=False, soft_wrap=True)
    if said := registry.part(questions):
        output.out.print(f"[yellow]a part[/]  {said}", highlight=False, soft_wrap=True)
    page = write_report(run, summary)
    output.out.print(f"\nreport: [bold]{page}[/]", highlight=False, soft_wrap=True)
    if left := rejudge.unread(folder, run.trials, run.manifest):
        output.err.print(
            f"{left:,} thoughts were not read by this run's panel yet: unswayed judge {folder} …",
            markup=False,
        )


def _ask(
    backend: Backend,
    questions: registry.Questions,
    names: list[str],
    sampling: Sampling,
    samples: int,
    letters: bool,
    seed: int,
    folder: Path,
    about: dict[str, Any],
    cues: cue_file.Book | None,
) -> Run:
    async def go() -> Run:
        try:
            with output.bar() as progress:
                return await run_audit(
                    backend,
                    questions,
                    names,
                    cues=cues,
                    sampling=sampling,
                    samples=samples,
                    letters=letters,
                    seed=seed,
                    store=folder,
                    about=about,
                    progress=progress,
                )
        finally:
            await backend.close()
            endpoint.tell(backend)

    try:
        return asyncio.run(go())
    except KeyboardInterrupt:
        output.err.print(
            f"\ninterrupted; what was answered is kept in {folder}. To go on, run the same command again.",
            highlight=False,
        )
        raise typer.Exit(130) from None


def parse_conditions(text: str) -> list[str]:
    """Names from ``a,b``; ``all`` stands for all without `+abstain`. Raises `BadInput` for an unknown one."""
    names: dict[str, None] = {}
    for name in (part.strip() for part in text.split(",")):
        if name == "all":
            names |= dict.fromkeys(conditions.CONDITIONS)
        elif name:
            names[conditions.condition(name).name] = None
    return list(names)


def parse_batch(text: str) -> int | str:
    """``auto`` or a positive number. Raises `BadInput` for anything else."""
    if text == "auto":
        return text
    if not text.isdigit() or int(text) < 1:
        raise BadInput(f"--batch-size is {text!r}; give 'auto' or a positive number")
    return int(text)


def slug(text: str) -> str:
    """A safe piece of a file name."""
    return re.sub(r"[^A-Za-z0-9.=_-]+", "-", text).strip("-.") or "model"


command.__doc__ = (command.__doc__ or "") + "\n\n" + EPILOG
