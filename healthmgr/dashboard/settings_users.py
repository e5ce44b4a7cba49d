"""What admins do with users on the settings page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from nicegui import ui

from healthmgr.dashboard.asking import Field, ask
from healthmgr.dashboard.once import show_once
from healthmgr.dashboard.place import Place
from healthmgr.services.tokens import Role
from healthmgr.services.users import made_up_password

_ROLES = {
    "viewer": "viewer: reads",
    "responder": "responder: acts on alerts, checks and incidents, too",
    "admin": "admin: does everything",
}
Act = Callable[[Mapping[str, str]], Awaitable[None]]


def user_acts(place: Place) -> Mapping[str, Act]:
    """The actions by their names."""
    return {
        "new-user": lambda _: _add(place),
        "user-role": lambda data: _change_role(place, data["name"]),
        "user-password": lambda data: _change_password(place, data["name"]),
        "user-disable": lambda data: _enable(place, data["name"], False),
        "user-enable": lambda data: _enable(place, data["name"], True),
        "sign-out": lambda data: _sign_out(place, data["name"]),
    }


async def _add(place: Place) -> None:
    """A user, with a password that is shown this once."""
    place.demand(Role.ADMIN)
    asked = await ask(
        "New user",
        [
            Field("name", "Name", is_required=True),
            Field("role", "Role", value="viewer", options=_ROLES),
            Field("person", "Who they are for on-call (may be empty)"),
        ],
        "Add",
        said="A password is made up and shown once.",
    )
    if asked is None:
        return
    place.demand(Role.ADMIN)
    password, healthmgr = made_up_password(), place.healthmgr

    def add() -> None:
        healthmgr.users.add(
            asked["name"], password, asked["role"], healthmgr.now(), asked["person"],
            actor=place.name, origin=place.origin,
        )  # fmt: skip

    await asyncio.to_thread(add)
    show_once(f"The password of {asked['name']}", password)


async def _change_role(place: Place, name: str) -> None:
    place.demand(Role.ADMIN)
    field = Field("role", "Role", value="viewer", options=_ROLES)
    asked = await ask(f"Another role for {name}", [field], "Change", said="They have to sign in again.")
    if asked is None:
        return
    await _change(place, name, role=asked["role"])
    ui.notify(f"{name} is {asked['role']} now", type="positive", position="top")


async def _change_password(place: Place, name: str) -> None:
    place.demand(Role.ADMIN)
    said = "A password is made up and shown once; they are signed out everywhere."
    if await ask(f"Another password for {name}?", [], "Make one", said=said) is None:
        return
    password = made_up_password()
    await _change(place, name, password=password)
    show_once(f"The password of {name}", password)


async def _enable(place: Place, name: str, is_enabled: bool) -> None:
    await _change(place, name, is_enabled=is_enabled)
    said = "may sign in again" if is_enabled else "is signed out, and may not sign in"
    ui.notify(f"{name} {said}", type="positive", position="top")


async def _sign_out(place: Place, name: str) -> None:
    place.demand(Role.ADMIN)
    said = place.said()
    count = await asyncio.to_thread(lambda: place.healthmgr.sessions.end_all(name, **said))
    ui.notify(f"{name} is signed out of {count} browser{'s' if count != 1 else ''}", type="positive", position="top")


async def _change(
    place: Place, name: str, role: str | None = None, password: str | None = None, is_enabled: bool | None = None
) -> None:
    place.demand(Role.ADMIN)
    healthmgr = place.healthmgr

    def change() -> None:
        healthmgr.users.change(
            name, healthmgr.now(), role=role, password=password, is_enabled=is_enabled,
            actor=place.name, origin=place.origin,
        )  # fmt: skip

    await asyncio.to_thread(change)
