"""``unswayed formats``: the prompt formats, and what each shows a model."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from unswayed import scenes
from unswayed.answers.letter_probs import letter_prefill
from unswayed.cli.shared import output
from unswayed.conditions import NotAsked, build_prompt, condition
from unswayed.errors import BadInput
from unswayed.formats import Format
from unswayed.formats.files import as_toml
from unswayed.formats.registry import NATIVE, find_format, native_format, presets
from unswayed.formatting import visible

_SHOWN = ("base", "stop-think", "wrong-think")


def command(
    names: Annotated[
        list[str] | None, typer.Argument(help="formats: names, or .toml files; default: all presets")
    ] = None,
    full: Annotated[bool, typer.Option("--show", help="print each, filled in for a sample question")] = False,
    toml: Annotated[bool, typer.Option("--toml", help="print one as TOML, to be edited")] = False,
    native: Annotated[
        str | None, typer.Option("--native", metavar="MODEL", help="say which format is native to a model")
    ] = None,
) -> None:
    """List the prompt formats: how a model is asked, and how it marks its thought and its answer.

    [bold]Examples[/]

    unswayed formats

    unswayed formats internvl3 --show

    unswayed formats --native OpenGVLab/InternVL3-8B

    unswayed formats spacer --toml > mine.toml
    unswayed audit MODEL --format mine.toml
    """
    if native is not None:
        chosen = [native_format(native)]
    elif NATIVE in (names or ()):
        raise BadInput("which format is native depends on the model; give --native MODEL")
    else:
        chosen = [find_format(name) for name in names] if names else list(presets().values())
    if toml:
        if len(chosen) != 1:
            raise BadInput("--toml prints one format; name it")
        output.echo(as_toml(chosen[0]))
    elif full:
        for format in chosen:
            _print_format(format)
    else:
        _print_table(chosen)


def _print_table(formats: list[Format]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("format", "thought", "answer", "ends at"):
        table.add_column(title, overflow="fold")
    for format in formats:
        thought = "…".join(map(_mark, format.thought)) if format.thought else "–"
        opened = f"{thought} (opened by the chat template)" if format.opened_by_template else thought
        answer = "…".join(map(_mark, format.answer)) if format.answer[0] else "–"
        cells = [format.name, opened, answer, " ".join(map(_mark, format.stop)) or "–"]
        table.add_row(*(escape(visible(cell)) for cell in cells))
    output.out.print(table)


def _print_format(format: Format) -> None:
    """What the format shows of a sample question, and where the letter's probability is measured."""
    question = next(iter(scenes.load(split="dev", limit=1)))
    cues = scenes.cues(question, 0)
    output.out.print(f"[bold cyan]{escape(format.name)}[/]")
    _print_line("source", format.source or "not given")
    _print_line("native to", ", ".join(format.models) or "–")
    _print_line("system", format.system or "(none)")
    for name in _SHOWN:
        prompt = build_prompt(question, cues, condition(name), (), format)
        if isinstance(prompt, NotAsked):
            _print_line(name, f"not asked: {prompt.reason}")
            continue
        if name == "base":
            _print_line("user", f"<picture> {prompt.text}")
            turn = format.write("I count three of them.", "(D)")
            _print_line("a reply", turn)
            _print_line("its letter", f"{letter_prefill('', turn, format)}▮")
        else:
            _print_line(name, f"{prompt.prefill}…")
    output.out.print()


def _print_line(name: str, text: str) -> None:
    line = escape(visible(text.replace("\n", " ⏎ ")))
    output.out.print(f"  [dim]{name:<12}[/] {line}", highlight=False, soft_wrap=True)


def _mark(mark: str) -> str:
    return mark.strip()
