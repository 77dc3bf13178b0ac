"""``unswayed cues``: write the misleading text once, as a file to share, and show it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from unswayed.backends import open_backend
from unswayed.backends.base import Backend
from unswayed.benchmarks import registry
from unswayed.cli.shared import endpoint, output
from unswayed.cli.shared.benchmark_options import FollowLinks, PrivateUrls
from unswayed.cli.shared.endpoint import EndpointArguments
from unswayed.cues import coverage, cue_file, write
from unswayed.cues.coverage import is_chinese
from unswayed.cues.fallback import Use
from unswayed.cues.llm.checker import CheckResults, CueChecker
from unswayed.cues.llm.writer import LLMCueWriter
from unswayed.errors import BadInput
from unswayed.question import Cues, Question

app = typer.Typer(help="Write misleading text once, check it, show it.", no_args_is_help=True)
BaseUrl = Annotated[
    list[str] | None, typer.Option(help="address of openai:MODEL, ending in /v1; several: its replicas")
]
KeyEnv = Annotated[str, typer.Option(help="environment variable that holds the key of openai:MODEL")]
_CONCURRENCY = 16

_WRITE = """[bold]Examples[/]

  unswayed cues write MMBench_DEV_EN.tsv --out cues.parquet

  unswayed cues write cvbench-2d --data benchmarks/ --seed 1 --out cues.parquet

  unswayed cues write vstar --data VStarBench.tsv --llm Qwen/Qwen2.5-VL-7B-Instruct --budget 500

  unswayed audit pebble --benchmark MMBench_DEV_EN.tsv --cues cues.parquet
"""
_SHOW = """[bold]Examples[/]

  unswayed cues show cues.parquet --n 50

  unswayed cues show MMBench_DEV_EN.tsv
"""


@app.command("write")
def write_command(
    benchmark: Annotated[str, typer.Argument(help="a name from `unswayed benchmarks`, or a file")],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="the file to write; a datasheet goes next to it")
    ] = Path("cues.parquet"),
    data: Annotated[
        Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")
    ] = None,
    split: Annotated[str | None, typer.Option(help="which split")] = None,
    limit: Annotated[int | None, typer.Option(help="how many questions; default: all")] = None,
    seed: Annotated[
        int, typer.Option(help="seed of the choice of questions, wrong options and phrasings")
    ] = 0,
    use: Annotated[str, typer.Option(help="audit or train, which have disjoint sets of phrasings")] = "audit",
    llm: Annotated[
        str | None, typer.Option(help="a model that writes the cues of questions that no template covers")
    ] = None,
    check_llm: Annotated[
        str | None,
        typer.Option(help="a model that checks every cue; a cue that it reads otherwise is worded again"),
    ] = None,
    budget: Annotated[
        int, typer.Option(min=0, help="largest number of requests to each such model")
    ] = 10_000,
    base_url: BaseUrl = None,
    key_env: KeyEnv = EndpointArguments.key_env,
    allow_private_urls: PrivateUrls = False,
    follow_links: FollowLinks = False,
) -> None:
    """Write the cues of every question of BENCHMARK, with their datasheet."""
    purpose = _parse_use(use)
    models = [model for model in (llm, check_llm) if model]
    remote = EndpointArguments(base_url=base_url, key_env=key_env, concurrency=_CONCURRENCY)
    remote.check(models)
    if out.suffix != ".parquet":
        raise BadInput(f"--out is {out}; give a name that ends in .parquet")
    questions = registry.load(
        benchmark,
        split=split,
        limit=limit,
        seed=seed,
        data=data,
        allow_private_urls=allow_private_urls,
        follow_links=follow_links,
    )
    about: dict[str, Any] = {
        "source": questions.name,
        "source_version": questions.version,
        "split": split or "",
        "limit": limit,
    }
    checks: list[CheckResults] = []
    with_address = endpoint.address_owners(models)

    def open_model(model: str) -> Backend:
        urls: list[str] | None = None if model in with_address else []
        return open_backend(model, questions, **remote.options(model, urls))

    if llm:
        writer = LLMCueWriter(open_model(llm), budget=budget)
        written, usage = _write_with_llm(writer, questions, seed, purpose)
        about |= usage
    else:
        written = list(_write_with_templates(questions, seed, purpose))
    if check_llm:
        checker = CueChecker(open_model(check_llm), budget=budget)
        written, checks, usage = _check(checker, questions, written, seed, purpose)
        about |= usage
    pairs = list(zip(questions, written, strict=True))
    cues = cue_file.build(pairs, seed=seed, use=purpose, about=about, checks=checks)
    cues.save(out)
    _print_coverage(pairs)
    if check_llm:
        output.out.print(f"[dim]read by {escape(check_llm)}:[/] {cues.sheet['checks']}", highlight=False)
    output.out.print(f"\ncues: [bold]{escape(str(out))}[/]", highlight=False, soft_wrap=True)
    output.out.print(f"datasheet: {escape(str(out.with_suffix('.md')))}", highlight=False, soft_wrap=True)


@app.command("show")
def show_command(
    what: Annotated[str, typer.Argument(help="a file of cues, or a benchmark")],
    data: Annotated[
        Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="how many questions")] = 20,
    seed: Annotated[
        int, typer.Option(help="seed of the choice of questions, wrong options and phrasings")
    ] = 0,
    use: Annotated[str, typer.Option(help="audit or train, for a benchmark")] = "audit",
) -> None:
    """Print the cues of some questions: those of a file, or those that a benchmark would get."""
    if what.endswith(".parquet"):
        cues = cue_file.read(what)
        sheet = cues.sheet
        head = f"{sheet['questions']} questions, use {cues.use}, seed {sheet['seed']}, {cues.sha256[:12]}"
        output.out.print(escape(head), style="bold", highlight=False)
        uids = dict.fromkeys((row["benchmark"], row["uid"]) for row in cues.rows)
        shown = set(list(uids)[:n])
        rows = [row for row in cues.rows if (row["benchmark"], row["uid"]) in shown]
    else:
        questions = registry.load(what, limit=n, seed=seed, data=data)
        purpose = _parse_use(use)
        pairs = ((question, write(question, seed, purpose)) for question in questions)
        rows = list(cue_file.build(pairs, seed=seed, use=purpose).rows)
    _print_cues(rows)


def _write_with_templates(questions: registry.Questions, seed: int, use: Use) -> Iterator[Cues]:
    with output.progress_bar("writing") as progress:
        for n, question in enumerate(questions):
            progress(n, len(questions))
            yield write(question, seed, use)


def _write_with_llm(
    writer: LLMCueWriter, questions: registry.Questions, seed: int, use: Use
) -> tuple[list[Cues], dict[str, Any]]:
    async def write_all() -> tuple[list[Cues], dict[str, Any]]:
        try:
            with output.progress_bar("writing") as progress:
                written, usage = await writer.cues(list(questions), seed, use, progress)
        finally:
            await writer.backend.close()
        facts = {"llm": writer.name, "llm_revision": writer.backend.revision, "llm_spent": vars(usage)}
        return written, facts

    return asyncio.run(write_all())


def _check(
    checker: CueChecker, questions: registry.Questions, written: list[Cues], seed: int, use: Use
) -> tuple[list[Cues], list[CheckResults], dict[str, Any]]:
    async def check_all() -> tuple[list[Cues], list[CheckResults], dict[str, Any]]:
        try:
            with output.progress_bar("checking") as progress:
                cues, results, usage = await checker.check(list(questions), written, seed, use, progress)
        finally:
            await checker.backend.close()
        facts = {"check_llm": checker.name, "check_llm_revision": checker.backend.revision}
        return cues, results, {**facts, "check_contract": checker.version, "check_spent": vars(usage)}

    return asyncio.run(check_all())


def _print_coverage(written: list[tuple[Question, Cues]]) -> None:
    view = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("benchmark", "family"):
        view.add_column(head)
    for head in ("questions", "captions", "thoughts"):
        view.add_column(head, justify="right")
    for row in coverage(written):
        shares = f"{row.caption_share:.0%}", f"{row.thought_share:.0%}"
        view.add_row(escape(row.benchmark), escape(row.family), str(row.questions), *shares)
    output.out.print(view)
    output.out.print("[dim]captions, thoughts: share that is not worded by the plain fallback[/]")
    if chinese := sum(is_chinese(question) for question, _ in written):
        output.out.print(
            f"[yellow]not written[/]  {chinese:,} questions are in Chinese, for which there are no "
            "templates: their cues are English sentences with the Chinese option in quotation marks",
            highlight=False,
        )


def _print_cues(rows: list[dict[str, Any]]) -> None:
    previous = None
    for row in rows:
        if (row["benchmark"], row["uid"]) != previous:
            previous = (row["benchmark"], row["uid"])
            output.out.print(f"\n[bold]{escape(row['uid'])}[/] {escape(row['family'])}", highlight=False)
        if row["text"]:
            text = escape("".join(c if c.isprintable() else "·" for c in row["text"]))
            kind = row["kind"].replace("_", " ")
            check = row.get("check")
            mark = f" [red]read as: {escape(check)}[/]" if check not in (None, "agrees") else ""
            output.out.print(
                f"  [cyan]{kind:18}[/] {text} [dim]{escape(row['phrasing'])}[/]{mark}", highlight=False
            )


def _parse_use(text: str) -> Use:
    if text == "audit" or text == "train":
        return "audit" if text == "audit" else "train"
    raise BadInput(f"--use is {text!r}; give 'audit' or 'train'")


write_command.__doc__ = (write_command.__doc__ or "") + "\n\n" + _WRITE
show_command.__doc__ = (show_command.__doc__ or "") + "\n\n" + _SHOW
