"""``unswayed benchmarks``: the list; ``check``: the content of one; ``score``: official scores of a run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from unswayed.benchmarks import registry
from unswayed.benchmarks.summary import BenchmarkSummary, ImageCheck, check_images, summarise
from unswayed.cli.data.new_benchmark import new
from unswayed.cli.shared import output
from unswayed.cli.shared.benchmark_options import Data, FollowLinks, PrivateUrls
from unswayed.errors import BadInput
from unswayed.formatting import visible
from unswayed.metrics.benchmark_scores import benchmark_scores
from unswayed.pipeline.audit import Run

MAX_LINES = 20
"""Lines of any one list that are printed."""

app = typer.Typer(
    help="List the benchmarks; make one of your own pictures; check the content of one; print scores."
)
app.command("new")(new)
Split = Annotated[str | None, typer.Option(help="the split; default: the one that its authors report")]


@app.callback(invoke_without_command=True)
def benchmarks(context: typer.Context) -> None:
    """List the benchmarks, with size, licence, source and the files they need."""
    if context.invoked_subcommand is not None:
        return
    for b in registry.BENCHMARKS.values():
        needs = f"; or {b.needs}, with --data" if b.source.startswith("hub") else f"; needs {b.needs}"
        source = f"from {b.source}{needs}" if b.needs else b.source
        _print_entry(b.name, f"{b.title}; {b.size}", f"licence: {b.licence}; {source}")
    _print_entry("PATH.tsv", "any file in the VLMEvalKit form (also .tsv.gz)", "")


def _print_entry(name: str, description: str, details: str) -> None:
    output.out.print(f"[bold]{escape(name)}[/]  {escape(description)}", highlight=False, soft_wrap=True)
    if details:
        output.out.print(f"    [dim]{escape(details)}[/]", highlight=False, soft_wrap=True)


@app.command("check")
def check(
    name: Annotated[str, typer.Argument(help="a name from `unswayed benchmarks`, or a .tsv file")],
    data: Data = None,
    split: Split = None,
    pictures: Annotated[bool, typer.Option("--pictures", help="also read and decode every picture")] = False,
    allow_private_urls: PrivateUrls = False,
    follow_links: FollowLinks = False,
) -> None:
    """Load a whole benchmark; print counts, histograms, duplicates, and the rows left out with reasons."""
    questions = registry.load(
        name, split=split, data=data, allow_private_urls=allow_private_urls, follow_links=follow_links
    )
    output.out.print(f"[bold]{_safe(questions.name)}[/]  version {questions.version[:16]}", highlight=False)
    _print_warning(questions)
    _print_summary(summarise(questions))
    if questions.skipped:
        output.out.print(f"\n[bold]left out[/]  {len(questions.skipped)} rows", highlight=False)
        _print_list([str(row) for row in questions.skipped])
    if pictures:
        _print_images(check_images(questions))


@app.command("score")
def score(
    run: Annotated[Path, typer.Argument(help="a run folder")],
    data: Data = None,
    condition: Annotated[str, typer.Option(help="the condition whose answers are scored")] = "base",
    follow_links: FollowLinks = False,
) -> None:
    """Print a stored run's scores as the benchmark's authors define them, by row and by set."""
    stored = Run.load(run)
    about = stored.manifest.get("asks", {}).get("about", {})
    name = str(about.get("benchmark", ""))
    known = registry.is_name(name)
    if not known and data is None:
        raise BadInput(f"{run} asked {name!r}, which is a file and not a name; give the file with --data")
    source = name if known else str(data)
    options: dict[str, Any] = {
        "split": about.get("split") or None,
        "data": data if known else None,
        "follow_links": follow_links,
    }
    if data is None and name in registry.BENCHMARKS and registry.BENCHMARKS[name].streams:
        # Of what was read remotely, only the sample is known.
        options |= {"limit": about.get("limit"), "seed": stored.manifest["asks"].get("seed", 0)}
    questions = registry.load(source, **options)
    if questions.version != about.get("version"):
        raise BadInput(
            f"{run} asked other questions than those of {name} now; give the data it was made with"
        )
    _print_warning(questions)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("score", "value", "95 %", "n", "incomplete", "meaning"):
        table.add_column(head, justify="right" if head in ("value", "n", "incomplete") else "left")
    for row in benchmark_scores(stored.trials, questions, condition):
        e = row.estimate
        value = "–" if e.value is None else f"{e.value:.1%}"
        interval = "" if e.low is None or e.high is None else f"{e.low:.1%} – {e.high:.1%}"
        table.add_row(row.name, value, interval, str(e.n), str(row.incomplete or ""), _safe(row.meaning))
    output.out.print(table)


def _print_warning(questions: registry.Questions) -> None:
    if warning := registry.partial_warning(questions):
        output.out.print(f"[yellow]a part[/]  {_safe(warning)}", highlight=False, soft_wrap=True)


def _print_summary(summary: BenchmarkSummary) -> None:
    output.out.print(f"questions  {summary.questions} in {summary.groups} groups", highlight=False)
    if set(summary.images) != {1}:
        output.out.print(f"pictures a question  {_pairs(summary.images)}", highlight=False)
    for head, counts in (("families", summary.families), ("categories", summary.categories)):
        if counts:
            output.out.print(f"\n[bold]{head}[/]", highlight=False)
            grid = Table.grid(padding=(0, 2))
            for key, count in counts.items():
                grid.add_row("", _safe(key), str(count))
            output.out.print(grid)
    output.out.print("\n[bold]options, and where the right one stands[/]", highlight=False)
    for count, gold in summary.gold.items():
        total = sum(gold.values())
        spread = "  ".join(f"{letter} {n} ({n / total:.0%})" for letter, n in gold.items())
        output.out.print(f"  {count} options: {total} questions   {spread}", highlight=False)
    output.out.print(f"\n[bold]asked twice[/]  {len(summary.duplicates)}", highlight=False)
    _print_list([f"{first!r} and {other!r}" for first, other in summary.duplicates])


def _print_images(check: ImageCheck) -> None:
    width, height = check.largest
    output.out.print(
        f"\n[bold]pictures[/]  {check.images} read, {check.distinct} different, "
        f"largest {width} x {height}, {len(check.unreadable)} unreadable",
        highlight=False,
    )
    _print_list([f"{uid!r}: {reason}" for uid, reason in check.unreadable])


def _print_list(lines: list[str]) -> None:
    for line in lines[:MAX_LINES]:
        output.out.print(f"  {_safe(line)}", highlight=False, soft_wrap=True)
    if len(lines) > MAX_LINES:
        output.out.print(f"  … and {len(lines) - MAX_LINES} more", highlight=False)


def _pairs(counts: Mapping[int, int]) -> str:
    return ", ".join(f"{key}: {count}" for key, count in counts.items())


def _safe(text: str) -> str:
    """Text of a foreign file for the terminal: control characters visible, no markup."""
    return escape(visible(text))
