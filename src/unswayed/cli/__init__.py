"""The command line: one module a command, and one place where errors become exit codes."""

from __future__ import annotations

import sys

import typer

from unswayed.cli.data import benchmarks, cues, listing
from unswayed.cli.evaluate import (
    audit,
    compare,
    export,
    judge,
    report,
    review,
)
from unswayed.cli.shared.output import print_error
from unswayed.cli.training import (
    pebble,
    sft,
    study,
    train,
)
from unswayed.errors import TrainingFailed, UnswayedError

app = typer.Typer(
    name="unswayed",
    help="Does a vision-language model that thinks aloud hold its ground?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("audit")(audit.command)
app.command("report")(report.command)
app.command("compare")(compare.command)
app.command("train")(train.command)
app.command("sft")(sft.command)
app.command("study")(study.command)
app.command("judge")(judge.command)
app.command("export")(export.command)
app.command("review")(review.command)
app.command("conditions")(listing.conditions)
app.add_typer(benchmarks.app, name="benchmarks")
app.add_typer(cues.app, name="cues")
app.command("models")(listing.models)
app.add_typer(pebble.app, name="pebble")


def main() -> None:
    """Entry point. 0: done; 1: a training failed, or one of a study; 2: the input is wrong; 130: interrupted.

    One sentence says what, and how to mend it.
    """
    try:
        app()
    except UnswayedError as error:
        print_error(str(error))
        sys.exit(1 if isinstance(error, TrainingFailed) else 2)
    except KeyboardInterrupt:
        print_error("interrupted")
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
