"""The command line: one module per command; errors become exit codes in `main`."""

from __future__ import annotations

import sys
import warnings
from typing import Any

import typer

from unswayed.cli.shared.lazy_group import lazy_group
from unswayed.cli.shared.output import print_error, show_warning
from unswayed.cli.shared.signals import exit_code, handle_termination
from unswayed.errors import TrainingFailed, UnswayedError

COMMANDS = {
    "audit": "evaluate.audit:command",
    "ray": "operations.ray:app",
    "report": "evaluate.report:command",
    "compare": "evaluate.compare:command",
    "suite": "suite.suite:command",
    "leaderboard": "suite.leaderboard:command",
    "train": "training.train:command",
    "sft": "training.sft:command",
    "study": "training.study:command",
    "dynamics": "training.dynamics:app",
    "judge": "evaluate.judge:command",
    "reread": "evaluate.reread:command",
    "probe": "evaluate.probe:command",
    "export": "evaluate.export:command",
    "status": "operations.status:command",
    "repair": "evaluate.repair:command",
    "review": "evaluate.review:command",
    "conditions": "data.listing:conditions",
    "formats": "data.formats:command",
    "benchmarks": "data.benchmarks:app",
    "cues": "data.cues:app",
    "models": "data.listing:models",
    "pebble": "training.pebble:app",
}
_SETTINGS: dict[str, Any] = {
    "rich_markup_mode": "rich",
    "context_settings": {"help_option_names": ["-h", "--help"]},
}

app = typer.Typer(
    name="unswayed",
    cls=lazy_group({name: f"unswayed.cli.{target}" for name, target in COMMANDS.items()}, settings=_SETTINGS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    **_SETTINGS,
)


@app.callback()
def root() -> None:
    """Audit vision-language models under misleading captions and wrong prefilled reasoning; finetune them."""


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
