"""A group of commands of which each is imported when it is run, or listed with its help.

Together the commands import most of the package; to start one of them takes half the time without the others.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import typer
from typer.core import TyperGroup

from unswayed.cli.shared.single_value import refuse_repeated_options


def lazy_group(targets: Mapping[str, str], *, settings: Mapping[str, Any]) -> type[TyperGroup]:
    """The class of a group whose commands are ``{name: "module:function"}``, in this order.

    A target may also be ``"module:app"``, a `typer.Typer` of its own, which becomes a group in the group.
    `settings` are those of the outer `typer.Typer`.
    """

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(targets)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            if cmd_name not in targets:
                return None
            if cmd_name not in self.commands:
                self.commands[cmd_name] = _load(cmd_name, targets[cmd_name], settings)
            return self.commands[cmd_name]

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and args[0] not in targets:  # the error suggests names out of all commands
                for name in targets:
                    self.get_command(ctx, name)
            return super().resolve_command(ctx, args)

    return LazyGroup


def _load(name: str, target: str, settings: Mapping[str, Any]) -> Any:
    module, attribute = target.split(":")
    value = getattr(importlib.import_module(module), attribute)
    app = typer.Typer(add_completion=False, **settings)
    if isinstance(value, typer.Typer):
        app.add_typer(value, name=name)
    else:
        app.command(name)(value)
    refuse_repeated_options(app)
    command = typer.main.get_command(app)
    return command.commands[name] if isinstance(command, TyperGroup) else command
