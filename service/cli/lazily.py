"""Commands that are imported when they are used: who types ``visitflow visits list`` waits for that alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command stands, and the line that the list of commands shows for it."""

    module: str
    line: str
    attribute: str = "app"


class LazyGroup(TyperGroup):
    """A group of commands that are modules, beside those of its own; listing them imports nothing."""

    places: ClassVar[Mapping[str, Place]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names, its own first, then in the order of the table."""
        return [*(name for name in self.commands if name not in self.places), *self.places]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command if it was imported, else one that only has a name and a line; None for an unknown name."""
        if cmd_name in self.commands or cmd_name not in self.places:
            return self.commands.get(cmd_name)
        return TyperCommand(cmd_name, help=self.places[cmd_name].line)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is meant."""
        if args and args[0] in self.places:
            self.load(args[0])
        return super().resolve_command(ctx, args)

    def load(self, name: str) -> Any:
        """Return the command itself, imported. Raises KeyError for an unknown name."""
        place = self.places[name]
        if name not in self.commands:
            found = getattr(import_module(place.module), place.attribute)
            if not isinstance(found, typer.Typer):
                alone = typer.Typer(add_completion=False, rich_markup_mode=self.rich_markup_mode)
                alone.command(name)(found)
                found = alone
            command = typer.main.get_command(found)
            command.name = name
            self.commands[name] = command
        return self.commands[name]
