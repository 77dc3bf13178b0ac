"""The command-line reference: one Markdown page made from the commands and options themselves.

python docs/tools/cli_reference.py > cli.md
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import Any

import typer.main

from unswayed.cli import app

NAME = "unswayed"
_INTRO = f"""# Command line

This page is generated from the commands themselves, so it says what `{NAME} COMMAND --help` says.

Exit codes: **0** done; **1** a training failed, or one run of a study; **2** the input is wrong, and one
sentence on stderr says what and how to mend it; **130** interrupted with Ctrl-C (the same command resumes).
"""


def commands(command: Any, context: Any) -> Iterator[tuple[Any, Any]]:
    """Every command from `command` down with its context, groups before their members."""
    yield command, context
    for name in command.list_commands(context) if hasattr(command, "list_commands") else ():
        member = command.get_command(context, name)
        yield from commands(member, member.context_class(member, info_name=name, parent=context))


def every_command() -> Iterator[tuple[Any, Any]]:
    """`commands` of the whole command line, its root first."""
    root = typer.main.get_command(app)
    return commands(root, root.context_class(root, info_name=NAME))


def page() -> str:
    """The reference in Markdown, one section a command."""
    sections = [_INTRO]
    for command, context in every_command():
        if context.parent is None:
            sections.append(_members(command, context))
            continue
        path = context.command_path
        usage = f"```\n{' '.join([path, *command.collect_usage_pieces(context)])}\n```\n"
        sections.append(
            "\n".join([f"## {path}\n", usage, _text(command.help or ""), *_tables(command, context)])
        )
        if hasattr(command, "list_commands"):
            sections.append(_members(command, context))
    return "\n".join(sections)


def _members(group: Any, context: Any) -> str:
    rows = ["| command | what it does |", "|---|---|"]
    for name in group.list_commands(context):
        path = f"{context.command_path} {name}"
        summary = _cell((group.get_command(context, name).help or "").split("\n\n")[0])
        rows.append(f"| [`{path}`](#{path.replace(' ', '-')}) | {summary} |")
    return "\n".join(rows) + "\n"


def _text(text: str) -> str:
    """Help text as Markdown: paragraphs, and command lines in blocks of code."""
    blocks: list[str] = []
    for block in re.split(r"\n\s*\n", text.replace("\b", "").strip("\n")):
        lines = [line.strip() for line in block.splitlines() if line.strip()]
        if lines and all(line.startswith(f"{NAME} ") for line in lines):
            blocks += [f"```\n{line}\n```" for line in lines]
        else:
            blocks.append(re.sub(r"\[bold\](.*?)\[/(?:bold)?\]", r"**\1**", " ".join(lines)))
    return "\n\n".join(blocks).replace("```\n\n```\n", "") + "\n"


def _tables(command: Any, context: Any) -> Iterator[str]:
    """One table an option panel; arguments first."""
    panels: dict[str, list[str]] = {}
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context)
        if record is None:  # hidden
            continue
        is_argument = parameter.param_type_name == "argument"
        panel = getattr(parameter, "rich_help_panel", None) or ("Arguments" if is_argument else "Options")
        panels.setdefault(panel, []).append(f"| `{_cell(record[0], code=True)}` | {_cell(record[1])} |")
    for title, rows in panels.items():
        yield "\n".join([f"**{title}**\n", "| | |", "|---|---|", *rows]) + "\n"


def _cell(text: str, *, code: bool = False) -> str:
    """Text that cannot end its table cell, nor be read as HTML."""
    text = " ".join(text.split()).replace("|", "\\|")
    return text if code else html.escape(text, quote=False)


if __name__ == "__main__":
    print(page())
