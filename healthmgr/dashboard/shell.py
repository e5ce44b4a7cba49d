"""What every page has around it: who is looking, where else to go, and how healthmgr itself is."""

from __future__ import annotations

import functools
import hashlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from fastapi import Request
from nicegui import app, ui
from nicegui.events import GenericEventArguments

from healthmgr.dashboard.pieces import Pieces
from healthmgr.dashboard.place import Place, here
from healthmgr.dashboard.templates import render
from healthmgr.errors import HealthmgrError, NotFound
from healthmgr.services.tokens import Role
from healthmgr.views import PartView

log = structlog.get_logger(__name__)

ROOT = "/ui"  # where the dashboard is mounted
_SESSION_FRESH_FOR = 10.0  # seconds that an open page goes by what it knows of its session
_ASSETS = Path(__file__).parent / "assets"
_DIGEST = hashlib.sha256(b"".join(one.read_bytes() for one in sorted(_ASSETS.iterdir()))).hexdigest()[:12]
_STATIC = f"/assets/{_DIGEST}"  # another address for other contents: browsers keep them for a day
_HEAD = f"""
<link rel="stylesheet" href="{ROOT}{_STATIC}/dashboard.css">
<link rel="stylesheet" href="{ROOT}{_STATIC}/board.css">
<link rel="stylesheet" href="{ROOT}{_STATIC}/graph.css">
<link rel="stylesheet" href="{ROOT}{_STATIC}/oncall.css">
<link rel="stylesheet" href="{ROOT}{_STATIC}/recovery.css">
<script src="{ROOT}{_STATIC}/dashboard.js" defer></script>
<script src="{ROOT}{_STATIC}/board.js" defer></script>
<script src="{ROOT}{_STATIC}/oncall.js" defer></script>
"""
app.add_static_files(_STATIC, _ASSETS, max_cache_age=86_400)

Action = Callable[[Mapping[str, str]], Awaitable[None] | None]


@dataclass(frozen=True, slots=True)
class Way:
    """A page that is reached from everywhere: its address, the word for it, who may, and the pages it leads to.

    On phones those with an icon (`frame.html.j2` draws it) are at hand, the others behind one more press.
    """

    address: str
    word: str
    needs: Role = Role.VIEWER
    icon: str = ""
    parts: tuple[str, ...] = ()

    def leads_to(self, path: str) -> bool:
        """Whether a page, by the address that it is registered at, is this one or belongs to it."""
        return path == self.address or any(
            path == part or path.startswith(f"{part}/") for part in (self.address, *self.parts) if part != "/"
        )


NAVIGATION = (
    Way("/", "Overview", icon="overview", parts=("/checks",)),
    Way("/incidents", "Incidents", icon="incidents"),
    Way("/oncall", "On-call", icon="oncall", parts=("/people", "/simulate")),
    Way("/runbooks", "Runbooks", icon="runbooks", parts=("/runs",)),
    Way("/silences", "Silences"),
    Way("/maintenance", "Maintenance"),
    Way("/routes", "Routes"),
    Way("/graph", "Graph"),
    Way("/workers", "Workers"),
    Way("/announcements", "News"),
    Way("/audit", "Audit", Role.ADMIN),
    Way("/settings", "Settings", Role.ADMIN),
)


def page(
    path: str, title: str, needs: Role = Role.VIEWER, *, has_heading: bool = True
) -> Callable[[Callable[..., Awaitable[None]]], None]:
    """Registers a page: `build(place, ...)` with the parameters of its path puts it together within the frame.

    Where it raises an error of healthmgr's, the page says so instead. `has_heading` is false where a page about one
    thing says its name itself.
    """

    def register(build: Callable[..., Awaitable[None]]) -> None:
        @functools.wraps(build)
        async def show(request: Request, **values: Any) -> None:  # noqa: ARG001 - NiceGUI keeps it for `here`
            place = here()
            ui.add_head_html(_HEAD)
            await _show_frame(place, path)
            if has_heading:
                ui.html(render("title", title=title), sanitize=False)
            with ui.element("div").classes("content").props('id="main" tabindex="-1"'):
                try:
                    place.demand(needs)
                    await build(place, **values)
                except HealthmgrError as error:
                    _say_fault(error)
                    return

        wanted = list(inspect.signature(build, eval_str=True).parameters.values())[1:]
        asked = inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=Request)
        show.__signature__ = inspect.Signature([asked, *wanted])  # type: ignore[attr-defined]
        del show.__wrapped__
        ui.page(path, title=f"{title} · healthmgr", response_timeout=15.0)(show)

    return register


def on_acts(actions: Mapping[str, Action]) -> None:
    """What is done when something in a piece's HTML with `data-act` is pressed: its data is handed to the action.

    What goes wrong is told to whoever pressed it, and changes nothing.
    """

    async def act(event: GenericEventArguments) -> None:
        data = {str(name): str(value) for name, value in dict(event.args).items()}
        action = actions.get(data.get("act", ""))
        if action is not None:
            await attempt(action, data)

    ui.on("act", act)


async def attempt(action: Action, data: Mapping[str, str]) -> bool:
    """Do it; whether it was done. An error of healthmgr's is told on the screen.

    Nothing is done for whom the session has ended meanwhile: the page is led to sign in.
    """
    if not await _is_signed_in(here(), fresh_for=0):
        ui.navigate.reload()
        return False
    try:
        done = action(data)
        if done is not None:
            await done
    except HealthmgrError as error:
        ui.notify(str(error), type="negative", position="top", multi_line=True, close_button="Close")
        return False
    return True


def keep_fresh(refresh: Callable[[Place], Awaitable[None]], place: Place, part: str = "page") -> None:
    """Call `refresh` once a tick while this page is open; an error leaves on the screen what is there."""
    client = ui.context.client
    name = f"{client.id} {part}"

    async def look() -> None:
        if not client.has_socket_connection:
            return  # nobody looks at it at present
        with client:
            try:
                await refresh(place)
            except HealthmgrError as error:
                log.warning("page_waits", page=client.page.path, error=str(error))

    place.live.follow(name, look)
    client.on_delete(lambda: place.live.leave(name))


async def _is_signed_in(place: Place, fresh_for: float) -> bool:
    healthmgr, session = place.healthmgr, place.session
    return await place.live.ask(
        ("session", session.id), lambda: healthmgr.sessions.holds(session, healthmgr.now()), fresh_for
    )


async def _show_frame(place: Place, path: str) -> None:
    with ui.header(fixed=False):
        head = Pieces()
    shown: list[tuple[str, list[PartView]]] = []

    async def show_head(where: Place) -> None:
        if not await _is_signed_in(where, _SESSION_FRESH_FOR):
            ui.navigate.reload()  # which leads to sign in, and back here
            return
        healthmgr, now = where.healthmgr, where.healthmgr.now
        status = await where.live.ask("status", lambda: healthmgr.reading.status(now()))
        health = await where.live.ask("health", lambda: healthmgr.reading.health(now()), fresh_for=5)
        faults = [part for part in health.parts if not part.is_well]
        if shown == [(status.status, faults)]:
            return  # as nearly always: drawn for each who looks, it would be the dearest part of a page
        shown[:] = [(status.status, faults)]
        ways = [way for way in NAVIGATION if where.may(way.needs)]
        bar = render("frame", root=ROOT, ways=ways, here=path, session=where.session, status=status)
        head.show([("bar", bar), ("faults", render("faults", faults=faults))])

    await show_head(place)
    keep_fresh(show_head, place, "frame")


def _say_fault(error: HealthmgrError) -> None:
    kind = "There is no such thing" if isinstance(error, NotFound) else "That did not work"
    ui.html(render("fault", title=kind, message=str(error), root=ROOT), sanitize=False)
