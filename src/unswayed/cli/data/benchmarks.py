"""``unswayed benchmarks``: what there is; ``check``: what one holds; ``score``: official scores of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from unswayed.benchmarks import registry
from unswayed.benchmarks.summary import Seen, Summary, look, summary
from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.metrics.benchmark_scores import scores
from unswayed.pipeline.audit import Run

LONGEST = 20
"""Lines of any one list that are printed."""

app = typer.Typer(help="List the benchmarks; check what one holds; score a run officially.")
Data = Annotated[Path | None, typer.Option(help="the benchmark's file, or the folder that holds it")]
Split = Annotated[str | None, typer.Option(help="which split; default: the one that is measured on")]


@app.callback(invoke_without_command=True)
def benchmarks(context: typer.Context) -> None:
    """List the benchmarks, with size, licence, where they come from and what they need."""
    if context.invoked_subcommand is not None:
        return
    for b in registry.BENCHMARKS.values():
        needs = f"; or {b.needs}, with --data" if b.source.startswith("hub") else f"; needs {b.needs}"
        source = f"from {b.source}{needs}" if b.needs else b.source
        _entry(b.name, f"{b.title}; {b.size}", f"licence: {b.licence}; {source}")
    _entry("PATH.tsv", "any file in the VLMEvalKit form (also .tsv.gz)", "")


def _entry(name: str, what: str, more: str) -> None:
    output.out.print(f"[bold]{escape(name)}[/]  {escape(what)}", highlight=False, soft_wrap=True)
    if more:
        output.out.print(f"    [dim]{escape(more)}[/]", highlight=False, soft_wrap=True)


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="a name from `unswayed benchmarks`, or a .tsv file")],
    data: Data = None,
    split: Split = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="also read and decode every picture")] = False,
) -> None:
    """Load all of a benchmark; print counts, histograms, duplicates, and what was left out and why."""
    questions = registry.load(name, split=split, data=data)
    output.out.print(f"[bold]{escape(questions.name)}[/]  version {questions.version[:16]}", highlight=False)
    _note(questions)
    found = summary(questions)
    _counts(found)
    if questions.skipped:
        output.out.print(f"\n[bold]left out[/]  {len(questions.skipped)} rows", highlight=False)
        _list([str(row) for row in questions.skipped])
    if pictures:
        _pictures(look(questions))


@app.command("score")
def score(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    data: Data = None,
    condition: Annotated[str, typer.Option(help="which condition's answers")] = "base",
) -> None:
    """Print a stored run's scores as the benchmark's authors define them, by row and by whole."""
    opened = Run.load(run)
    about = opened.manifest.get("asks", {}).get("about", {})
    name = str(about.get("benchmark", ""))
    known = name in registry.BENCHMARKS
    if not known and data is None:
        raise BadInput(f"{run} asked {name!r}, which is a file and not a name; give the file with --data")
    source = name if known else str(data)
    how: dict[str, Any] = {"split": about.get("split") or None, "data": data if known else None}
    if known and data is None and registry.BENCHMARKS[name].streams:
        # Of what is read where it lies, only what was drawn is known.
        how |= {"limit": about.get("limit"), "seed": opened.manifest["asks"].get("seed", 0)}
    questions = registry.load(source, **how)
    if questions.version != about.get("version"):
        raise BadInput(
            f"{run} asked other questions than those of {name} now; give the data it was made with"
        )
    _note(questions)
    view = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("score", "value", "95 %", "n", "incomplete", "meaning"):
        view.add_column(head, justify="right" if head in ("value", "n", "incomplete") else "left")
    for one in scores(opened.trials, questions, condition):
        e = one.estimate
        value = "–" if e.value is None else f"{e.value:.1%}"
        interval = "" if e.low is None or e.high is None else f"{e.low:.1%} – {e.high:.1%}"
        view.add_row(one.name, value, interval, str(e.n), str(one.incomplete or ""), escape(one.meaning))
    output.out.print(view)


def _note(questions: registry.Questions) -> None:
    if said := registry.part(questions):
        output.out.print(f"[yellow]a part[/]  {escape(said)}", highlight=False, soft_wrap=True)


def _counts(found: Summary) -> None:
    output.out.print(f"questions  {found.questions} in {found.groups} groups", highlight=False)
    if set(found.images) != {1}:
        output.out.print(f"pictures a question  {_pairs(found.images)}", highlight=False)
    for head, counts in (("families", found.families), ("categories", found.categories)):
        if counts:
            output.out.print(f"\n[bold]{head}[/]", highlight=False)
            view = Table.grid(padding=(0, 2))
            for key, count in counts.items():
                view.add_row("", escape(key), str(count))
            output.out.print(view)
    output.out.print("\n[bold]options, and where the right one stands[/]", highlight=False)
    for count, gold in found.gold.items():
        total = sum(gold.values())
        spread = "  ".join(f"{letter} {n} ({n / total:.0%})" for letter, n in gold.items())
        output.out.print(f"  {count} options: {total} questions   {spread}", highlight=False)
    output.out.print(f"\n[bold]asked twice[/]  {len(found.duplicates)}", highlight=False)
    _list([f"{first!r} and {other!r}" for first, other in found.duplicates])


def _pictures(seen: Seen) -> None:
    width, height = seen.largest
    output.out.print(
        f"\n[bold]pictures[/]  {seen.pictures} read, {seen.different} different, "
        f"largest {width} x {height}, {len(seen.unreadable)} unreadable",
        highlight=False,
    )
    _list([f"{uid!r}: {reason}" for uid, reason in seen.unreadable])


def _list(lines: list[str]) -> None:
    for line in lines[:LONGEST]:
        output.out.print(f"  {escape(line)}", highlight=False, soft_wrap=True)
    if len(lines) > LONGEST:
        output.out.print(f"  … and {len(lines) - LONGEST} more", highlight=False)


def _pairs(counts: Mapping[int, int]) -> str:
    return ", ".join(f"{key}: {count}" for key, count in counts.items())
