"""``unswayed leaderboard``: several suites on one page, from their results files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from unswayed.cli.shared import output
from unswayed.errors import BadInput
from unswayed.report.rendering import write_text


def command(
    suites: Annotated[
        list[Path], typer.Argument(help="folders of suites, or results.json files that others published")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="file to write")] = Path("leaderboard.html"),
    title: Annotated[str, typer.Option(help="title of the page")] = "Leaderboard",
) -> None:
    """Put the results of several suites on one page. Pictures and trials are not needed.

    Files are checked against the schema; one that is not valid is refused.

    [bold]Examples[/]

      unswayed leaderboard runs/paper runs/ours --out leaderboard.html

      unswayed leaderboard runs/ours theirs/results.json
    """
    from unswayed.report.suite.leaderboard import build_leaderboard
    from unswayed.suite.results_file import read_results

    if len({path.resolve() for path in suites}) < len(suites):
        raise BadInput("a suite is named twice; name each once")
    sources = [(_name(path), read_results(path)) for path in suites]
    write_text(out, build_leaderboard(sources, title))
    output.out.print(f"leaderboard: {out}", highlight=False, markup=False, soft_wrap=True)


def _name(path: Path) -> str:
    """The suite's folder, for a file the folder that holds it."""
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    return folder.name if path.is_dir() or path.name == "results.json" else path.stem
