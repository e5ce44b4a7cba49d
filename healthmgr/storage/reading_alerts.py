"""Alerts and notifications as people read them; `reading.Reading` opens the connection."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection, RowMapping, case, func, select, tuple_

from healthmgr.domain import synthetic
from healthmgr.domain.check import Severity
from healthmgr.errors import NotFound
from healthmgr.storage.paging import bounded, instant, one_of, page, seal, unseal
from healthmgr.storage.tables import alerts, audit_entries, checks, deliveries, incidents, notifications
from healthmgr.views import ActionView, AlertView, DeliveryView, NotificationView, Page

ALERT_STATES = ("open", "firing", "acknowledged", "suppressed", "resolved", "all")
NOTIFICATION_STATES = ("pending", "sending", "sent", "failed", "superseded")

_roots = alerts.alias("roots")
_root_checks = checks.alias("root_checks")
_STATE = case(
    (alerts.c.resolved_at.is_not(None), "resolved"),
    (alerts.c.suppressed_by_id.is_not(None), "suppressed"),
    (alerts.c.acknowledged_at.is_not(None), "acknowledged"),
    else_="firing",
)
_ALERTS = (
    select(
        *(alerts.c[name] for name in AlertView.model_fields if name in alerts.c),
        func.coalesce(checks.c.slug, "").label("check"),
        func.coalesce(checks.c.name, alerts.c.name).label("check_name"),
        func.coalesce(checks.c.service, alerts.c.labels["service"].astext, "").label("service"),
        func.coalesce(checks.c.runbook_url, alerts.c.annotations["runbook_url"].astext, "").label("runbook_url"),
        incidents.c.number.label("incident_number"),
        _STATE.label("state"),
        func.coalesce(_root_checks.c.slug, _roots.c.name).label("suppressed_by"),
    )
    .select_from(alerts)
    .outerjoin(checks, checks.c.id == alerts.c.check_id)
    .outerjoin(incidents, incidents.c.id == alerts.c.incident_id)
    .outerjoin(_roots, _roots.c.id == alerts.c.suppressed_by_id)
    .outerjoin(_root_checks, _root_checks.c.id == _roots.c.check_id)
)


def alert_page(
    connection: Connection,
    *,
    state: str,
    severity: str | None = None,
    check: str | None = None,
    incident_id: UUID | None = None,
    cursor: str | None = None,
    limit: int,
) -> Page[AlertView]:
    """Alerts, newest first; synthetic ones are told of with their incident alone."""
    query = _ALERTS.order_by(alerts.c.opened_at.desc(), alerts.c.id.desc()).limit(bounded(limit) + 1)
    one_of(state, ALERT_STATES, "state")
    if state not in ("all", "resolved"):
        # Said besides the state so that the partial index on open alerts can be used.
        query = query.where(alerts.c.resolved_at.is_(None))
    if state not in ("all", "open"):
        query = query.where(_STATE.in_((state,)))
    if one_of(severity, tuple(Severity), "severity"):
        query = query.where(alerts.c.severity == severity)
    if check is not None:
        query = query.where(checks.c.slug == check)
    if incident_id is not None:
        query = query.where(alerts.c.incident_id == incident_id)
    else:
        query = query.where(alerts.c.origin != synthetic.ORIGIN)
    if cursor:
        key = tuple_(alerts.c.opened_at, alerts.c.id)
        query = query.where(key < unseal(cursor, instant, UUID))
    rows = connection.execute(query).mappings().all()
    return page(rows, limit, AlertView.model_validate, lambda row: seal(row["opened_at"], row["id"]))


def alert(connection: Connection, alert_id: UUID) -> AlertView:
    """One alert; raises NotFound."""
    row = connection.execute(_ALERTS.where(alerts.c.id == alert_id)).mappings().one_or_none()
    if row is None:
        raise NotFound(f"There is no alert {alert_id}: `healthmgr alerts list` shows the open ones")
    return AlertView.model_validate({**row, "actions": _actions(connection, alert_id)})


def _actions(connection: Connection, alert_id: UUID) -> list[ActionView]:
    query = select(audit_entries).where(audit_entries.c.target == str(alert_id)).order_by(audit_entries.c.at)
    return [
        ActionView(
            at=row.at,
            actor=row.actor,
            action=row.action.removeprefix("alert."),
            comment=str(row.detail.get("comment") or ""),
        )
        for row in connection.execute(query)
    ]


def notification_page(
    connection: Connection,
    *,
    state: str | None,
    alert_id: UUID | None = None,
    incident_id: UUID | None = None,
    recipient: str | None = None,
    cursor: str | None,
    limit: int,
) -> Page[NotificationView]:
    """Notifications with their attempts, newest first; the synthetic ones where they are asked for alone."""
    columns = [notifications.c[name] for name in NotificationView.model_fields if name in notifications.c]
    query = (
        select(*columns, notifications.c.position, incidents.c.number.label("incident_number"))
        .join(incidents, incidents.c.id == notifications.c.incident_id)
        .order_by(notifications.c.position.desc())
        .limit(bounded(limit) + 1)
    )
    if one_of(state, NOTIFICATION_STATES, "state"):
        query = query.where(notifications.c.state == state)
    if alert_id is not None:
        incident = select(alerts.c.incident_id).where(alerts.c.id == alert_id).scalar_subquery()
        query = query.where(notifications.c.incident_id == incident)
    if incident_id is not None:
        query = query.where(notifications.c.incident_id == incident_id)
    if recipient is not None:
        query = query.where(notifications.c.recipient == recipient)
    elif alert_id is None and incident_id is None:
        query = query.where(notifications.c.recipient != synthetic.RECIPIENT)
    if cursor:
        query = query.where(notifications.c.position < unseal(cursor, int)[0])
    rows = connection.execute(query).mappings().all()
    attempts = _attempts(connection, [row["id"] for row in rows[:limit]])

    def view(row: RowMapping) -> NotificationView:
        return NotificationView.model_validate({**row, "deliveries": attempts.get(row["id"], [])})

    return page(rows, limit, view, lambda row: seal(row["position"]))


def _attempts(connection: Connection, notification_ids: list[UUID]) -> dict[UUID, list[DeliveryView]]:
    if not notification_ids:
        return {}
    columns = [deliveries.c[name] for name in DeliveryView.model_fields]
    rows = connection.execute(
        select(deliveries.c.notification_id, *columns)
        .where(deliveries.c.notification_id.in_(notification_ids))
        .order_by(deliveries.c.notification_id, deliveries.c.attempt)
    ).mappings()
    found: dict[UUID, list[DeliveryView]] = {}
    for row in rows:
        found.setdefault(row["notification_id"], []).append(DeliveryView.model_validate(row))
    return found
