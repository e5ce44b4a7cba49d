"""`healthmgr tokens`: who may use the API."""

from __future__ import annotations

import os
import socket
import stat
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import Column, ago, print_json, print_lines, print_note, print_table, print_verbatim, styled
from healthmgr.domain.quantity import parse_duration
from healthmgr.services.tokens import Role

tokens_app = typer.Typer(cls=SpeakingGroup, no_args_is_help=True, help="Access tokens of the API.", epilog=EXIT_CODES)

ADMIN_TOKEN_FILE = "admin-token"  # noqa: S105 - the file's name, in the data folder

Name = Annotated[str, typer.Argument(metavar="NAME", help="The token's name.")]


@tokens_app.command("list")
def list_tokens(as_json: Json = False) -> None:
    """List the tokens; what they are themselves is never kept."""
    with opened() as healthmgr:
        tokens = healthmgr.tokens.list()
        now = healthmgr.clock.now()
    if as_json:
        print_json({"items": tokens})
        return
    if not tokens:
        print_lines("There are no tokens: `healthmgr tokens create NAME` makes one.")
        return
    columns = (
        Column("name"),
        Column("role"),
        Column("scopes", max_width=40),
        Column("created"),
        Column("last used"),
        Column("expires"),
    )
    rows = (
        (
            token.name,
            token.role,
            ", ".join(token.scopes) or "all",
            ago(token.created_at, now),
            ago(token.last_used_at, now),
            styled("unwell", "expired") if token.expires_at and token.expires_at <= now else ago(token.expires_at, now),
        )
        for token in tokens
    )
    print_table(columns, rows)


@tokens_app.command("create")
def create_token(
    name: Name,
    role: Annotated[
        Role,
        typer.Option(
            help="viewer reads; responder also acts on alerts and checks; admin does all; ingest only pings and pushes."
        ),
    ] = Role.VIEWER,
    expires_after: Annotated[
        str | None, typer.Option("--expires-in", metavar="DURATION", help="Such as 12h or 90d; default: never.")
    ] = None,
    scope: Annotated[
        list[str] | None,
        typer.Option("--scope", metavar="PART:ACT", help="Hold it to this, such as checks:read; may be said again."),
    ] = None,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Make a token and print it: this once, for only its digest is kept."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        expires_at = _expiry(expires_after, now)
        scopes = sorted(set(scope or ()))
        token = healthmgr.tokens.create(name, role, now, expires_at, scopes, actor=person(actor), origin=origin())
    if as_json:
        print_json({"name": name, "role": role, "scopes": scopes, "token": token, "expires_at": expires_at})
    else:
        print_verbatim(token)


@tokens_app.command("revoke")
def revoke_token(name: Name, actor: Actor = "", as_json: Json = False) -> None:
    """End a token at once."""
    with opened() as healthmgr:
        healthmgr.tokens.revoke(name, now=healthmgr.clock.now(), actor=person(actor), origin=origin())
    if as_json:
        print_json({"name": name, "revoked": True})
    else:
        print_lines(f"Revoked: {name}")


@tokens_app.command("ensure-admin")
def ensure_admin(
    file: Annotated[
        Path | None,
        typer.Option(
            "--file", metavar="PATH", help="Where the token is kept; default: admin-token in the data folder."
        ),
    ] = None,
    name: Annotated[str, typer.Option(help="The token's name; default: admin@ and this machine's name.")] = "",
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Print this machine's admin token, made and kept readable for its owner alone where there is none yet."""
    with opened() as healthmgr:
        path = file or healthmgr.settings.data_dir / ADMIN_TOKEN_FILE
        named = name or f"admin@{socket.gethostname()}"[:100]
        token = _admin_token(healthmgr, path, named, person(actor))
    if as_json:
        print_json({"name": named, "role": Role.ADMIN, "token": token, "file": str(path)})
    else:
        print_verbatim(token)


def _expiry(after: str | None, now: datetime) -> datetime | None:
    try:
        return now + parse_duration(after) if after else None
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error)) from error


def _admin_token(healthmgr: Healthmgr, path: Path, name: str, actor: str) -> str:
    """The file's token, in the database as an admin's; a new one, in the file too, when there is none."""

    def ensure(token: str | None) -> str:
        return healthmgr.tokens.ensure(name, Role.ADMIN, token, healthmgr.clock.now(), actor=actor, origin=origin())

    kept = _read_private(path)
    token = ensure(kept)
    if kept is None and not _write_private(path, token):
        return ensure(_read_private(path))  # another process was first: its token is this machine's
    return token


def _read_private(path: Path) -> str | None:
    """The file's content, its permissions tightened to its owner where they are wider; None when there is none."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return None
    if mode & 0o077:
        path.chmod(0o600)
        print_note(
            f"{path} was readable by others (mode {mode:04o}); it is closed to them now. "
            "If they may have seen it: remove it, and run this again."
        )
    return path.read_text(encoding="utf-8").strip()


def _write_private(path: Path, text: str) -> bool:
    """Make a file that only its owner can read, whole or not at all; false when it is there already."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(draft)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
