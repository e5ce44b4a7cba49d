"""`healthmgr users`: who signs in to the dashboard by a name and a password."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from healthmgr.cli.failing import EXIT_CODES, SpeakingGroup
from healthmgr.cli.opening import opened
from healthmgr.cli.options import Actor, Json, origin, person
from healthmgr.cli.printing import (
    Column,
    ago,
    print_json,
    print_lines,
    print_note,
    print_table,
    print_verbatim,
    styled,
)
from healthmgr.services.tokens import Role
from healthmgr.services.users import User, made_up_password
from healthmgr.views_access import UserView

users_app = typer.Typer(
    cls=SpeakingGroup,
    no_args_is_help=True,
    help="People who sign in to the dashboard by a name and a password.",
    epilog=EXIT_CODES,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The user's name.")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input; else one is made up.")
]
Person = Annotated[str | None, typer.Option("--person", metavar="NAME", help="Who they are for on-call.")]


@users_app.command("list")
def list_users(as_json: Json = False) -> None:
    """List the users."""
    with opened() as healthmgr:
        users, now = healthmgr.users.list(), healthmgr.clock.now()
    if as_json:
        print_json({"items": [_view(user) for user in users]})
        return
    if not users:
        print_lines("There are no users: `healthmgr users add NAME` makes one. Access tokens sign in as well.")
        return
    columns = (Column("name"), Column("role"), Column("person"), Column("state"), Column("last sign-in"))
    rows = (
        (
            user.name,
            user.role.value,
            user.person,
            "enabled" if user.is_enabled else styled("paused", "disabled"),
            ago(user.last_sign_in_at, now),
        )
        for user in users
    )
    print_table(columns, rows)


@users_app.command("add")
def add_user(
    name: Name,
    role: Annotated[Role, typer.Option(help="viewer reads; responder also acts; admin does all.")] = Role.VIEWER,
    is_person: Person = None,
    from_input: FromInput = False,
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Add a user; a password that was made up is printed, this once."""
    password = _password(from_input)
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        user = healthmgr.users.add(name, password, role, now, is_person or "", actor=person(actor), origin=origin())
    _tell(user, None if from_input else password, as_json)


@users_app.command("passwd")
def change_password(name: Name, from_input: FromInput = False, actor: Actor = "", as_json: Json = False) -> None:
    """Give a user another password, and sign them out everywhere; one that was made up is printed, this once."""
    password = _password(from_input)
    user = _change(name, actor, password=password)
    _tell(user, None if from_input else password, as_json)


@users_app.command("role")
def change_role(
    name: Name,
    role: Annotated[Role, typer.Argument(metavar="ROLE", help="viewer, responder or admin.")],
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Give a user another role, and sign them out everywhere."""
    _tell(_change(name, actor, role=role), None, as_json)


@users_app.command("person")
def change_person(
    name: Name,
    named: Annotated[str, typer.Argument(metavar="PERSON", help="Who they are for on-call.")],
    actor: Actor = "",
    as_json: Json = False,
) -> None:
    """Say who a user is for on-call."""
    _tell(_change(name, actor, is_person=named), None, as_json)


@users_app.command("disable")
def disable_user(name: Name, actor: Actor = "", as_json: Json = False) -> None:
    """Keep a user from signing in, and sign them out everywhere."""
    _tell(_change(name, actor, is_enabled=False), None, as_json)


@users_app.command("enable")
def enable_user(name: Name, actor: Actor = "", as_json: Json = False) -> None:
    """Let a user sign in again."""
    _tell(_change(name, actor, is_enabled=True), None, as_json)


@users_app.command("sign-out")
def sign_out(name: Name, actor: Actor = "", as_json: Json = False) -> None:
    """Sign somebody out everywhere, be it a user or a token's bearer."""
    with opened() as healthmgr:
        now = healthmgr.clock.now()
        count = healthmgr.sessions.end_all(name, now=now, actor=person(actor), origin=origin())
    if as_json:
        print_json({"name": name, "ended": count})
    else:
        print_lines(f"Ended: {count} of {name}")


def _change(
    name: str,
    actor: str,
    *,
    role: Role | None = None,
    is_person: str | None = None,
    is_enabled: bool | None = None,
    password: str | None = None,
) -> User:
    with opened() as healthmgr:
        return healthmgr.users.change(
            name,
            healthmgr.clock.now(),
            role=role,
            person=is_person,
            is_enabled=is_enabled,
            password=password,
            actor=person(actor),
            origin=origin(),
        )


def _password(from_input: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if from_input else made_up_password()


def _tell(user: User, password: str | None, as_json: bool) -> None:
    if as_json:
        shown = {"password": password} if password is not None else {}
        print_json({**_view(user).model_dump(), **shown})
    elif password is not None:
        print_note(f"The password of {user.name}, shown this once:")
        print_verbatim(password)
    else:
        state = "enabled" if user.is_enabled else "disabled"
        print_lines(f"{user.name}: {user.role}, {state}")


def _view(user: User) -> UserView:
    return UserView.model_validate(user, from_attributes=True)
