"""Incidents as people read them; `reading.Reading` opens the connection."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import ColumnElement, Connection, ScalarSelect, case, func, select, tuple_

from healthmgr.domain import synthetic
from healthmgr.domain.cascade import extent
from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Policy
from healthmgr.domain.plan import Plan
from healthmgr.errors import NotFound
from healthmgr.storage import reading_alerts
from healthmgr.storage.dependency_rows import read_graph_below
from healthmgr.storage.incident_rows import leads_to
from healthmgr.storage.paging import bounded, instant, one_of, page, seal, unseal
from healthmgr.storage.reading_command import read_command
from healthmgr.storage.tables import alerts, checks, incident_entries, incidents
from healthmgr.storage.tracing_rows import read_causes
from healthmgr.views import AlertView, Page
from healthmgr.views_incidents import EntryView, IncidentLine, IncidentView, PlannedLeg, PlannedLevel
from healthmgr.views_insight import CauseView

INCIDENT_STATES = ("open", "firing", "acknowledged", "snoozed", "resolved", "all")
MOST_MEMBERS = 200
MOST_NOTIFICATIONS = 200
MOST_ENTRIES = 1000

_STATE = case(
    (incidents.c.resolved_at.is_not(None), "resolved"),
    (incidents.c.snoozed_until.is_not(None), "snoozed"),
    (incidents.c.acknowledged_at.is_not(None), "acknowledged"),
    else_="firing",
)
_of_this = alerts.c.incident_id == incidents.c.id
_is_own = alerts.c.suppressed_by_id.is_(None)
_FIRST = (
    select(func.coalesce(checks.c.name, alerts.c.name))
    .select_from(alerts.outerjoin(checks, checks.c.id == alerts.c.check_id))
    .where(_of_this, _is_own)
    .order_by(alerts.c.resolved_at.is_not(None), alerts.c.opened_at, alerts.c.id)
    .limit(1)
    .scalar_subquery()
)


def _count(*conditions: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.count()).select_from(alerts).where(_of_this, *conditions).scalar_subquery()


_INCIDENTS = select(
    *(incidents.c[name] for name in IncidentView.model_fields if name in incidents.c and name != "plan"),
    incidents.c.plan.label("frozen"),
    _STATE.label("state"),
    func.coalesce(_FIRST, "").label("first"),
    _count(_is_own, alerts.c.resolved_at.is_(None)).label("open_alerts"),
    _count(_is_own).label("alerts"),
    _count(alerts.c.suppressed_by_id.is_not(None), alerts.c.resolved_at.is_(None)).label("impacted"),
)


def incident_page(
    connection: Connection, *, state: str, severity: str | None = None, cursor: str | None = None, limit: int
) -> Page[IncidentLine]:
    """Incidents, newest first; the synthetic one is found by its number alone."""
    query = _INCIDENTS.where(incidents.c.number != synthetic.INCIDENT_NUMBER)
    query = query.order_by(incidents.c.opened_at.desc(), incidents.c.id.desc()).limit(bounded(limit) + 1)
    one_of(state, INCIDENT_STATES, "state")
    if state not in ("all", "resolved"):
        query = query.where(incidents.c.resolved_at.is_(None))
    if state not in ("all", "open"):
        query = query.where(_STATE.in_((state,)))
    if one_of(severity, tuple(Severity), "severity"):
        query = query.where(incidents.c.severity == severity)
    if cursor:
        query = query.where(tuple_(incidents.c.opened_at, incidents.c.id) < unseal(cursor, instant, UUID))
    rows = connection.execute(query).mappings().all()
    return page(
        rows,
        limit,
        lambda row: IncidentLine.model_validate({**row, "title": _title(row["first"], row["alerts"])}),
        lambda row: seal(row["opened_at"], row["id"]),
    )


def incident_id(connection: Connection, number: int) -> UUID:
    """The id of the incident that people call by this number; raises NotFound."""
    found: UUID | None = connection.execute(select(incidents.c.id).where(incidents.c.number == number)).scalar()
    # The number of one that was merged leads to the incident that it went into.
    if found is None:
        raise NotFound(f"There is no incident #{number}: `healthmgr incidents list` shows the open ones")
    return leads_to(connection, found)


def incident(connection: Connection, wanted: UUID) -> IncidentView:
    """One incident with all that belongs to it; raises NotFound."""
    row = connection.execute(_INCIDENTS.where(incidents.c.id == wanted)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no incident {wanted}: `healthmgr incidents list` shows the open ones")
    members = reading_alerts.alert_page(connection, state="all", incident_id=wanted, limit=MOST_MEMBERS)
    told = reading_alerts.notification_page(
        connection, state=None, incident_id=wanted, cursor=None, limit=MOST_NOTIFICATIONS
    )
    return IncidentView.model_validate(
        {
            **row,
            "title": _title(row["first"], row["alerts"]),
            "plan": _plan(row["frozen"], row["severity"]),
            "members": members.items,
            "notifications": told.items,
            "timeline": _timeline(connection, wanted),
            "hanging": _hanging(connection, members.items),
            "causes": [CauseView.of(cause) for cause in read_causes(connection, wanted)[1]],
            **read_command(connection, wanted),
        }
    )


def _hanging(connection: Connection, members: list[AlertView]) -> str:
    """What falls with the checks that are the incident's own and broken."""
    own = [each.check for each in members if each.check and each.suppressed_by is None and each.resolved_at is None]
    graph = read_graph_below(connection, own)
    return extent(graph, own)[1]


def _timeline(connection: Connection, wanted: UUID) -> list[EntryView]:
    query = (
        select(incident_entries)
        .where(incident_entries.c.incident_id == wanted)
        .order_by(incident_entries.c.id.desc())
        .limit(MOST_ENTRIES)
    )
    newest_first = connection.execute(query).mappings().all()
    return [EntryView.model_validate(row) for row in reversed(newest_first)]


def _plan(document: dict[str, object], severity: str) -> list[PlannedLeg]:
    if not document:
        return []
    return [
        PlannedLeg(
            route=leg.route,
            receiver=leg.receiver,
            to=[f"{target.recipient} over {target.channel}" for target in leg.targets],
            cadence=leg.cadence.total_seconds(),
            policy=leg.policy.name if leg.policy else "",
            levels=_levels(leg.policy) if leg.policy else [],
            repeat=leg.policy.repeat if leg.policy else 0,
        )
        for leg in Plan.from_document(document).course(Severity(severity)).legs
    ]


def _levels(policy: Policy) -> list[PlannedLevel]:
    delays = [policy.begins_after, *(level.delay for level in policy.levels[1:])]
    return [
        PlannedLevel(
            name=level.name,
            to=[str(named) for named in level.targets],
            via=list(level.channels),
            after=delay.total_seconds(),
        )
        for level, delay in zip(policy.levels, delays, strict=True)
    ]


def _title(first: str, count: int) -> str:
    return f"{first} and {count - 1} more" if count > 1 else first
