"""``unswayed conditions | models``: what there is, one line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from unswayed import conditions as house
from unswayed import scenes
from unswayed.backends import MODELS
from unswayed.cli.shared import output


def conditions(
    full: Annotated[bool, typer.Option("--show", help="print each, filled in for a sample question")] = False,
) -> None:
    """List the conditions; with --show, the exact strings of each for a sample question."""
    if not full:
        rows = [(c.name, c.source, c.summary) for c in house.CONDITIONS.values()]
        rows.append((f"…{house.ABSTAIN_SUFFIX}", "paper", f"any of them with the option '{house.ABSTAIN}'"))
        _lines(rows)
        return
    question = next(iter(scenes.load(split="dev", limit=1)))
    cues = scenes.cues(question, 0)
    images = tuple(image.read() for image in question.images)
    output.out.print(f"[bold]system[/] (all conditions)\n{escape(house.SYSTEM)}\n")
    for name in (*house.CONDITIONS, f"base{house.ABSTAIN_SUFFIX}"):
        prompt = house.put(question, cues, house.condition(name), images)
        output.out.print(f"[bold cyan]{name}[/]")
        if isinstance(prompt, house.NotAsked):
            output.out.print(f"  not asked: {escape(prompt.reason)}\n")
            continue
        picture = "grey picture" if house.condition(name).blank else "picture"
        output.out.print(f"  [dim]user[/]       <{picture}> {_inline(prompt.text)}", highlight=False)
        output.out.print(f"  [dim]assistant[/]  {_inline(prompt.prefill)}…\n", highlight=False)


def models() -> None:
    """List what can be audited."""
    _lines(list(MODELS.items()))


def _lines(rows: Sequence[tuple[str, ...]]) -> None:
    view = Table.grid(padding=(0, 2))
    for row in rows:
        view.add_row(f"[bold]{escape(row[0])}[/]", *map(escape, row[1:]))
    output.out.print(view)


def _inline(text: str) -> str:
    return escape(text.replace("\n", " ⏎ "))
