"""The audit log: who did what to what, when, through which door."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode

from nicegui import ui

from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import ROOT, page
from healthmgr.dashboard.templates import render
from healthmgr.domain.calendar import zone as zone_of
from healthmgr.domain.civil import moment_at
from healthmgr.errors import DefinitionError, HealthmgrError, Problem
from healthmgr.services.tokens import Role
from healthmgr.views import Page
from healthmgr.views_audit import AuditView

_SIZE = 100
_LONGEST = 200  # characters of a filter


@dataclass(frozen=True, slots=True)
class View:
    """What of the log is looked at: it stands in the address. Times are on the clock of `zone`."""

    search: str = ""
    actor: str = ""
    action: str = ""
    target: str = ""
    since: str = ""
    until: str = ""
    zone: str = ""
    cursor: str = ""

    @property
    def is_sifted(self) -> bool:
        """Whether anything is left out."""
        return any((self.search, self.actor, self.action, self.target, self.since, self.until))

    def address(self, **changed: str) -> str:
        """The address of this view with something else in it; another filter begins at the newest."""
        other = replace(self, **{"cursor": "", **changed})
        names = other.__dataclass_fields__
        query = {name: value for name in names if (value := getattr(other, name))}
        return f"{ROOT}/audit?{urlencode(query)}" if query else f"{ROOT}/audit"


@page("/audit", "Audit log", needs=Role.ADMIN)
async def show_audit(
    place: Place, search: str = "", actor: str = "", action: str = "", target: str = "",
    since: str = "", until: str = "", zone: str = "", cursor: str = "",
) -> None:  # fmt: skip
    """Newest first; a page does not move while one reads it."""
    said = (text.strip()[:_LONGEST] for text in (search, actor, action, target, since, until, zone))
    view = replace(View(*said), cursor=cursor[:500])
    ui.html(render("audit_bar", view=view, root=ROOT), sanitize=False)
    try:
        found = await place.live.ask(("audit", view), lambda: _entries(place, view))
    except HealthmgrError as error:
        ui.html(render("audit", entries=[], view=view, older="", fault=str(error)), sanitize=False)
        return
    older = view.address(cursor=found.next_cursor) if found.next_cursor else ""
    ui.html(render("audit", entries=found.items, view=view, older=older, fault=""), sanitize=False)


def _entries(place: Place, view: View) -> Page[AuditView]:
    now = place.healthmgr.now()
    return place.healthmgr.audit.entries(
        actor=view.actor or None,
        action=view.action or None,
        target=view.target or None,
        search=view.search or None,
        since=_moment(view.since, view.zone, now, "from"),
        until=_moment(view.until, view.zone, now, "until"),
        cursor=view.cursor or None,
        limit=_SIZE,
    )


def _moment(text: str, zone: str, now: datetime, option: str) -> datetime | None:
    if not text:
        return None
    try:
        location = zone_of(zone or "UTC")
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="zone")]) from error
    return moment_at(text, now, location, option)
