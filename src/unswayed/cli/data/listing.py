"""``unswayed conditions`` and ``unswayed models``: what can be asked of what, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from unswayed import scenes
from unswayed.backends import MODELS
from unswayed.cli.shared import output
from unswayed.conditions import (
    ABSTAIN,
    ABSTAIN_SUFFIX,
    CONDITIONS,
    SYSTEM,
    NotAsked,
    build_prompt,
    condition,
)


def conditions(
    full: Annotated[bool, typer.Option("--show", help="print each, filled in for a sample question")] = False,
) -> None:
    """List the conditions; with --show, the exact strings of each for a sample question."""
    if full:
        _print_prompts()
        return
    rows = [(c.name, c.source, c.summary) for c in CONDITIONS.values()]
    _print_rows([*rows, (f"…{ABSTAIN_SUFFIX}", "paper", f"any of them with the option '{ABSTAIN}'")])


def _print_prompts() -> None:
    question = next(iter(scenes.load(split="dev", limit=1)))
    cues = scenes.cues(question, 0)
    images = tuple(image.read() for image in question.images)
    output.out.print(f"[bold]system[/] (all conditions)\n{escape(SYSTEM)}\n")
    for name in (*CONDITIONS, f"base{ABSTAIN_SUFFIX}"):
        prompt = build_prompt(question, cues, condition(name), images)
        output.out.print(f"[bold cyan]{name}[/]")
        if isinstance(prompt, NotAsked):
            output.out.print(f"  not asked: {escape(prompt.reason)}\n")
            continue
        image = "grey picture" if condition(name).blank else "picture"
        if condition(name).draws and prompt.cue is not None:
            where = prompt.cue.phrasing.rpartition("@")[2]
            image = f"picture, at its {where}: {_on_one_line(prompt.cue.text)}"
        output.out.print(f"  [dim]user[/]       <{image}> {_on_one_line(prompt.text)}", highlight=False)
        output.out.print(f"  [dim]assistant[/]  {_on_one_line(prompt.prefill)}…", highlight=False)
        if prompt.follow_up:
            output.out.print(f"  [dim]user[/]       {_on_one_line(prompt.follow_up)}", highlight=False)
            output.out.print("  [dim]assistant[/]  …", highlight=False)
        output.out.print()


def models() -> None:
    """List what can be audited."""
    _print_rows(list(MODELS.items()))


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    table = Table.grid(padding=(0, 2))
    for row in rows:
        table.add_row(f"[bold]{escape(row[0])}[/]", *map(escape, row[1:]))
    output.out.print(table)


def _on_one_line(text: str) -> str:
    return escape(text.replace("\n", " ⏎ "))
