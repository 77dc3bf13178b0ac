"""A command that refuses an option given twice; Click alone would silently use the last value."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer
from typer.core import TyperCommand

from unswayed.errors import BadInput


class SingleValueCommand(TyperCommand):
    """Raises `BadInput` where an option that takes one value is given more than once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for parameter, count in Counter(order).items():
            repeatable = getattr(parameter, "multiple", False) or getattr(parameter, "is_flag", False)
            if count > 1 and parameter.param_type_name == "option" and not repeatable:
                name = parameter.opts[0]
                raise BadInput(
                    f"{name} is given {count} times; it takes one value: run the command once for each"
                )
        return super().parse_args(ctx, args)


def refuse_repeated_options(app: typer.Typer) -> None:
    """Make all commands of `app`, and of the groups in it, refuse repeated options."""
    for command in app.registered_commands:
        command.cls = SingleValueCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            refuse_repeated_options(group.typer_instance)
