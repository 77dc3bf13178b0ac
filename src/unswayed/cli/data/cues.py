"""``unswayed cues``: write the misleading text once, as a file to share; look at it."""

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
from unswayed.cues import coverage, cue_file, write
from unswayed.cues.fallback import Use
from unswayed.cues.llm.checker import Checker, Marks
from unswayed.cues.llm.writer import LLM
from unswayed.errors import BadInput
from unswayed.question import Cues, Question

app = typer.Typer(help="Write misleading text once, check it, look at it.", no_args_is_help=True)

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
    seed: Annotated[int, typer.Option(help="draws questions, wrong options and phrasings")] = 0,
    use: Annotated[str, typer.Option(help="audit or train: their phrasings have none in common")] = "audit",
    llm: Annotated[str | None, typer.Option(help="a model that words what no template understands")] = None,
    check_llm: Annotated[
        str | None, typer.Option(help="a model that reads every cue; what it reads otherwise is worded anew")
    ] = None,
    budget: Annotated[int, typer.Option(min=0, help="the most requests to each such model")] = 10_000,
    base_url: endpoint.BaseUrl = None,
    key_env: endpoint.KeyEnv = endpoint.KEY_ENV,
) -> None:
    """Write the cues of every question of BENCHMARK, with their datasheet."""
    purpose = _use(use)
    models = [model for model in (llm, check_llm) if model]
    endpoint.check(models, base_url, key_env)
    if out.suffix != ".parquet":
        raise BadInput(f"--out is {out}; give a name that ends in .parquet")
    questions = registry.load(benchmark, split=split, limit=limit, seed=seed, data=data)
    about: dict[str, Any] = {
        "source": questions.name,
        "source_version": questions.version,
        "split": split or "",
        "limit": limit,
    }
    checks: list[Marks] = []
    at = endpoint.housed(models)

    def opened(model: str) -> Backend:
        options: dict[str, Any] = {}
        if endpoint.is_remote(model):
            urls = base_url if model in at else None
            options = endpoint.options(model, urls, key_env, 16, 600.0, None, None)
        return open_backend(model, questions, **options)

    if llm:
        writer = LLM(opened(llm), budget=budget)
        written, spent = _by_llm(writer, questions, seed, purpose)
        about |= spent
    else:
        written = list(_by_rules(questions, seed, purpose))
    if check_llm:
        checker = Checker(opened(check_llm), budget=budget)
        written, checks, spent = _checked(checker, questions, written, seed, purpose)
        about |= spent
    pairs = list(zip(questions, written, strict=True))
    made = cue_file.bind(pairs, seed=seed, use=purpose, about=about, checks=checks)
    made.save(out)
    _coverage(pairs)
    if check_llm:
        output.out.print(f"[dim]read by {escape(check_llm)}:[/] {made.sheet['checks']}", highlight=False)
    output.out.print(f"\ncues: [bold]{escape(str(out))}[/]", highlight=False, soft_wrap=True)
    output.out.print(f"datasheet: {escape(str(out.with_suffix('.md')))}", highlight=False, soft_wrap=True)


@app.command("show")
def show_command(
    what: Annotated[str, typer.Argument(help="a file of cues, or a benchmark")],
    data: Annotated[
        Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="how many questions")] = 20,
    seed: Annotated[int, typer.Option(help="draws questions, wrong options and phrasings")] = 0,
    use: Annotated[str, typer.Option(help="audit or train, for a benchmark")] = "audit",
) -> None:
    """Print the cues of some questions: those of a file, or those that a benchmark would get."""
    if what.endswith(".parquet"):
        found = cue_file.read(what)
        sheet = found.sheet
        head = f"{sheet['questions']} questions, use {found.use}, seed {sheet['seed']}, {found.sha256[:12]}"
        output.out.print(escape(head), style="bold", highlight=False)
        uids = dict.fromkeys((row["benchmark"], row["uid"]) for row in found.rows)
        shown = set(list(uids)[:n])
        rows = [row for row in found.rows if (row["benchmark"], row["uid"]) in shown]
    else:
        questions = registry.load(what, limit=n, seed=seed, data=data)
        purpose = _use(use)
        made = cue_file.bind(((q, write(q, seed, purpose)) for q in questions), seed=seed, use=purpose)
        rows = list(made.rows)
    _print(rows)


def _by_rules(questions: registry.Questions, seed: int, use: Use) -> Iterator[Cues]:
    with output.bar("writing") as progress:
        for n, question in enumerate(questions):
            progress(n, len(questions))
            yield write(question, seed, use)


def _by_llm(
    writer: LLM, questions: registry.Questions, seed: int, use: Use
) -> tuple[list[Cues], dict[str, Any]]:
    async def go() -> tuple[list[Cues], dict[str, Any]]:
        try:
            with output.bar("writing") as progress:
                written, spent = await writer.cues(list(questions), seed, use, progress)
        finally:
            await writer.backend.close()
        facts = {"llm": writer.name, "llm_revision": writer.backend.revision, "llm_spent": vars(spent)}
        return written, facts

    return asyncio.run(go())


def _checked(
    checker: Checker, questions: registry.Questions, written: list[Cues], seed: int, use: Use
) -> tuple[list[Cues], list[Marks], dict[str, Any]]:
    async def go() -> tuple[list[Cues], list[Marks], dict[str, Any]]:
        try:
            with output.bar("checking") as progress:
                mended, marks, spent = await checker.mend(list(questions), written, seed, use, progress)
        finally:
            await checker.backend.close()
        facts = {"check_llm": checker.name, "check_llm_revision": checker.backend.revision}
        return mended, marks, {**facts, "check_contract": checker.version, "check_spent": vars(spent)}

    return asyncio.run(go())


def _coverage(written: list[tuple[Question, Cues]]) -> None:
    view = Table(box=None, pad_edge=False, header_style="bold")
    for head, side in (
        ("benchmark", "left"),
        ("family", "left"),
        ("questions", "right"),
        ("captions", "right"),
    ):
        view.add_column(head, justify="right" if side == "right" else "left")
    view.add_column("thoughts", justify="right")
    for row in coverage(written):
        shares = f"{row.caption_share:.0%}", f"{row.thought_share:.0%}"
        view.add_row(escape(row.benchmark), escape(row.family), str(row.questions), *shares)
    output.out.print(view)
    output.out.print("[dim]captions, thoughts: not the plain fallback[/]")


def _print(rows: list[dict[str, Any]]) -> None:
    last = None
    for row in rows:
        if (row["benchmark"], row["uid"]) != last:
            last = (row["benchmark"], row["uid"])
            output.out.print(f"\n[bold]{escape(row['uid'])}[/] {escape(row['family'])}", highlight=False)
        if row["text"]:
            text = escape("".join(c if c.isprintable() else "·" for c in row["text"]))
            kind = row["kind"].replace("_", " ")
            check = row.get("check")
            mark = f" [red]read as: {escape(check)}[/]" if check not in (None, "agrees") else ""
            output.out.print(
                f"  [cyan]{kind:18}[/] {text} [dim]{escape(row['phrasing'])}[/]{mark}", highlight=False
            )


def _use(text: str) -> Use:
    if text == "audit" or text == "train":
        return "audit" if text == "audit" else "train"
    raise BadInput(f"--use is {text!r}; give 'audit' or 'train'")


write_command.__doc__ = (write_command.__doc__ or "") + "\n\n" + _WRITE
show_command.__doc__ = (show_command.__doc__ or "") + "\n\n" + _SHOW
