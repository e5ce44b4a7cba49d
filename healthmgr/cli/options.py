"""The options that many commands share, described once."""

from __future__ import annotations

import getpass
import socket
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text for people.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=500, help="How many to show, newest first.")]
Cursor = Annotated[str | None, typer.Option("--cursor", metavar="CURSOR", help="Read on where the page before ended.")]
Actor = Annotated[
    str, typer.Option("--as", metavar="NAME", help="Who does this, for the audit log; default: your user name.")
]
Slug = Annotated[str, typer.Argument(metavar="SLUG", help="The check's slug, as in the definitions.")]

ORIGIN = "cli"


def origin() -> str:
    """Where an action comes from, for the audit log: this door, and this machine."""
    return f"{ORIGIN} {socket.gethostname()}"


def person(named: str) -> str:
    """The name an action is recorded under: the one given, else the user's."""
    if named.strip():
        return named.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in its password file
        return "cli"
