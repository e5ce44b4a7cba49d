"""Which alert a person means: an id or a piece of it, a check's slug, a name, or an incident's number."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from uuid import UUID

from healthmgr.bootstrap import Healthmgr
from healthmgr.cli.wording import alert_name
from healthmgr.errors import Conflict, NotFound
from healthmgr.views import AlertView

SELECTOR_HELP = (
    "An alert's id or a unique beginning or end of it (4 or more characters), "
    "a check's slug, the name of one that came through a door, or an incident's number (12 or '#12')."
)

_INCIDENT = re.compile(r"#?(\d{1,18})")
_WHOLE_ID = re.compile(r"[0-9a-f]{8}(-?[0-9a-f]{4}){4}[0-9a-f]{8}")
_PIECE_OF_ID = re.compile(r"[0-9a-f-]{4,36}")
_PAGE = 500
_SEARCHED = 2000  # closed alerts looked through for a piece of an id or an incident, newest first


def choose_alerts(healthmgr: Healthmgr, selector: str) -> list[AlertView]:
    """The alerts that are meant: one, or all of an incident.

    Open alerts come before closed ones. Raises NotFound, or Conflict when a piece of an id fits several.
    """
    wanted = selector.strip().lower()
    if _WHOLE_ID.fullmatch(wanted):
        return [healthmgr.reading.alert(UUID(wanted))]
    of_check = [] if wanted.startswith("#") else _open_alert_of_check(healthmgr, wanted)
    if of_check:
        return of_check
    for alerts in (_open_alerts(healthmgr), _latest_alerts(healthmgr)):
        found = _pick(list(alerts), wanted)
        if found:
            return found
    raise NotFound(f"No alert {selector!r} is open, nor among the latest: `healthmgr alerts list` shows what is open.")


def _open_alert_of_check(healthmgr: Healthmgr, slug: str) -> list[AlertView]:
    try:
        check = healthmgr.reading.check(slug)
    except NotFound:
        return []
    if check.open_alert_id is not None:
        return [healthmgr.reading.alert(check.open_alert_id)]
    latest = healthmgr.reading.alerts(state="all", check=slug, limit=1).items
    if not latest:
        raise NotFound(f"{slug} has no open alert, and never had one.")
    return latest


def _open_alerts(healthmgr: Healthmgr) -> Iterator[AlertView]:
    return _pages(healthmgr, "open")


def _latest_alerts(healthmgr: Healthmgr) -> Iterator[AlertView]:
    return islice(_pages(healthmgr, "all"), _SEARCHED)


def _pages(healthmgr: Healthmgr, state: str) -> Iterator[AlertView]:
    cursor: str | None = None
    while True:
        page = healthmgr.reading.alerts(state=state, cursor=cursor, limit=_PAGE)
        yield from page.items
        cursor = page.next_cursor
        if cursor is None:
            return


def _pick(alerts: list[AlertView], wanted: str) -> list[AlertView]:
    """The alerts of the incident with this number, else those of this name, else the one whose id begins or ends so."""
    incident = _INCIDENT.fullmatch(wanted)
    if incident:
        members = [alert for alert in alerts if alert.incident_number == int(incident[1])]
        if members:
            return members
    named = [alert for alert in alerts if not alert.check and alert.check_name.lower() == wanted]
    if named or not _PIECE_OF_ID.fullmatch(wanted):
        return named
    fitting = [alert for alert in alerts if str(alert.id).startswith(wanted) or str(alert.id).endswith(wanted)]
    if len(fitting) > 1:
        names = ", ".join(f"{alert.id} ({alert_name(alert)})" for alert in fitting[:5])
        raise Conflict(f"{wanted!r} fits {len(fitting)} alerts: {names}. Give more of the id.")
    return fitting
