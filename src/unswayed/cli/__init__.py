"""The command line: one module per command; errors become exit codes in `main`."""

from __future__ import annotations

import sys
import warnings

import typer

from unswayed.cli.data import benchmarks, cues, listing
from unswayed.cli.evaluate import (
    audit,
    compare,
    export,
    judge,
    probe,
    repair,
    report,
    reread,
    review,
)
from unswayed.cli.shared.output import print_error, show_warning
from unswayed.cli.shared.signals import exit_code, handle_termination
from unswayed.cli.shared.single_value import refuse_repeated_options
from unswayed.cli.training import (
    pebble,
    sft,
    study,
    train,
)
from unswayed.errors import TrainingFailed, UnswayedError

app = typer.Typer(
    name="unswayed",
    help="Audit vision-language models under misleading captions and wrong prefilled reasoning; "
    "finetune them.",
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
app.command("reread")(reread.command)
app.command("probe")(probe.command)
app.command("export")(export.command)
app.command("repair")(repair.command)
app.command("review")(review.command)
app.command("conditions")(listing.conditions)
app.add_typer(benchmarks.app, name="benchmarks")
app.add_typer(cues.app, name="cues")
app.command("models")(listing.models)
app.add_typer(pebble.app, name="pebble")


refuse_repeated_options(app)


def main() -> None:
    """Entry point. Exit codes:

    0: done. 1: a training failed, or an audit got no answer. 2: the input is wrong, or a file, a server or a
    model cannot be used; one sentence says what and how to fix it. 128 + N: ended by signal N (130: Ctrl-C).
    """
    handle_termination()
    warnings.showwarning = show_warning
    try:
        app()
    except SystemExit as error:
        code = error.code
        sys.exit(exit_code(code) if isinstance(code, int) else code)
    except UnswayedError as error:
        print_error(str(error))
        sys.exit(1 if isinstance(error, TrainingFailed) else 2)
    except KeyboardInterrupt:
        print_error("interrupted")
        sys.exit(exit_code(130))
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
