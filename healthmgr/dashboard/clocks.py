"""The viewer's own clock: times that are written into forms are meant by it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from nicegui import ui

from healthmgr.domain.calendar import zone
from healthmgr.errors import Unavailable

FROM = "From, by your clock (empty: now)"
FROM_HINT = "2026-01-31 22:00 or tomorrow 22:00"
_ASK = "Intl.DateTimeFormat().resolvedOptions().timeZone"


async def own_zone() -> str:
    """The name of the time zone that the browser of this page is in.

    Raises Unavailable where the browser does not answer, or names a zone that is not known here.
    """
    try:
        name = str(await ui.run_javascript(_ASK, timeout=5.0) or "UTC")
        zone(name)
    except (TimeoutError, ValueError) as error:
        raise Unavailable(f"Your browser does not say by which clock you live: {error}") from error
    return name


def location_of(name: str) -> ZoneInfo:
    """A zone that a form has noted; UTC where it has noted none yet."""
    return zone(name or "UTC")
