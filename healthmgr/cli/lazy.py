"""Commands whose modules are imported when they are chosen, so that a terminal answers at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand
from typer.main import get_group

from healthmgr.cli.failing import SpeakingGroup


@dataclass(frozen=True, slots=True)
class Entry:
    """A command or a group of commands: its name, its place in the help, its first sentence, and where it is.

    `where` is "module:name" of a function or of a Typer.
    """

    name: str
    panel: str
    about: str
    where: str


class LazyCommand(TyperCommand):
    """What the help says of a command that is not loaded yet."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(name=entry.name, callback=None, help=entry.about, rich_help_panel=entry.panel)
        self._entry = entry

    @cached_property
    def loaded(self) -> Any:
        """The command itself."""
        module, _, name = self._entry.where.partition(":")
        found = getattr(import_module(module), name)
        holder = typer.Typer(rich_markup_mode="markdown", pretty_exceptions_enable=False)
        if isinstance(found, typer.Typer):
            holder.add_typer(found, name=self._entry.name)
        else:
            holder.command(self._entry.name)(found)
        return get_group(holder).commands[self._entry.name]

    @property
    def commands(self) -> Mapping[str, Any]:
        """The commands below it; raises AttributeError where it is no group, as any command does."""
        below: Mapping[str, Any] = self.loaded.commands
        return below


class LazyGroup(SpeakingGroup):
    """A group with the commands of `entries`, and those that were added to it in the usual way after them."""

    entries: ClassVar[tuple[Entry, ...]] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands = {**{entry.name: LazyCommand(entry) for entry in self.entries}, **self.commands}

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The chosen command, loaded."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command.loaded if isinstance(command, LazyCommand) else command, rest
