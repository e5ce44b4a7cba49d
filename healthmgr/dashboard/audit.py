"""The audit log: who did what to what, through which door."""

from __future__ import annotations

from urllib.parse import urlencode

from nicegui import ui

from healthmgr.dashboard.place import Place
from healthmgr.dashboard.shell import ROOT, page
from healthmgr.dashboard.templates import render
from healthmgr.services.tokens import Role

_SIZE = 100


@page("/audit", "Audit log", needs=Role.ADMIN)
async def show_audit(place: Place, search: str = "", cursor: str = "") -> None:
    """Newest first; a page does not move while one reads it."""
    search, cursor = search[:200], cursor[:500]
    found = await place.live.ask(
        ("audit", search, cursor),
        lambda: place.healthmgr.audit.entries(search=search or None, cursor=cursor or None, limit=_SIZE),
    )
    kept = {name: value for name, value in (("search", search), ("cursor", found.next_cursor)) if value}
    older = f"{ROOT}/audit?{urlencode(kept)}" if found.next_cursor else ""
    ui.html(render("audit", entries=found.items, search=search, older=older, root=ROOT), sanitize=False)
