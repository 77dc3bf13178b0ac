"""Runs the command line in this process."""

from __future__ import annotations

from typer.testing import CliRunner

from unswayed.cli import app


def invoke(*args: str) -> str:
    """The output of a command that succeeds; raises the error that it raised, if any."""
    result = CliRunner().invoke(app, list(args))
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output
