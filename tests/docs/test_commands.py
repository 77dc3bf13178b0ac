"""Every `unswayed …` line in the documentation is accepted by the command line; its reference is complete."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

import cli_reference

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
COMMANDS = {context.command_path: command for command, context in cli_reference.every_command()}
FENCE = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
SEPARATORS = {"|", ">", "&&", ";", "||", ">>"}


def command_lines(text: str) -> list[str]:
    """The lines of code blocks that call unswayed, with continued lines joined."""
    code = "\n".join(block.replace("\\\n", " ") for _, block in FENCE.findall(text))
    lines = (line.strip().removeprefix("$ ") for line in code.splitlines())
    return [line for line in lines if line.startswith("unswayed ")]


def calls(line: str) -> list[list[str]]:
    """The calls of unswayed in one line of a shell, as arguments."""
    parts: list[list[str]] = [[]]
    for word in shlex.split(line, comments=True):
        for piece in [";"] if word == ";" else re.split(r"(?<=.)(;)$", word):
            if piece in SEPARATORS:
                parts.append([])
            elif piece:
                parts[-1].append(piece)
    return [part[1:] for part in parts if part and part[0] == "unswayed"]


def documented() -> list[tuple[str, list[str]]]:
    found = []
    for page in PAGES:
        for line in command_lines(page.read_text("utf-8")):
            found += [(f"{page.relative_to(ROOT)}: {line}", call) for call in calls(line)]
    return found


DOCUMENTED = documented()


def test_there_are_command_lines_to_check():
    assert len(DOCUMENTED) > 60


@pytest.mark.parametrize(("where", "arguments"), DOCUMENTED, ids=[where for where, _ in DOCUMENTED])
def test_a_documented_command_line_is_accepted(where, arguments):
    path = "unswayed"
    while arguments and f"{path} {arguments[0]}" in COMMANDS:
        path, arguments = f"{path} {arguments[0]}", arguments[1:]
    assert path != "unswayed", f"{where}: no such command"
    if hasattr(COMMANDS[path], "list_commands"):
        assert not arguments, f"{where}: no such command"
        return
    # Raises a usage error for an unknown option, a value of the wrong type, or arguments too few or too many.
    COMMANDS[path].make_context(path, list(arguments))


def test_a_wrong_command_line_is_noticed():
    with pytest.raises(Exception, match="No such option"):
        COMMANDS["unswayed audit"].make_context("audit", ["pebble", "--no-such-option"])


def test_the_reference_has_every_command_and_option():
    page = cli_reference.page()
    for path, command in COMMANDS.items():
        assert path == "unswayed" or f"\n## {path}\n" in page
        section = page.split(f"\n## {path}\n")[-1].split("\n## ")[0]
        for parameter in command.params if path != "unswayed" else ():
            for option in parameter.opts:
                assert option in section, f"{path}: {option}"


def test_help_texts_do_not_end_a_table_cell():
    rows = [line for line in cli_reference.page().splitlines() if line.startswith("|")]
    assert rows
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}
