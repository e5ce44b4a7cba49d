"""What people and programs read of the rows: checks, results, transitions, and the whole at a glance."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine, RowMapping, case, func, literal_column, select, tuple_

from healthmgr.domain.check import Status
from healthmgr.domain.report import Facts
from healthmgr.errors import NotFound
from healthmgr.storage import (
    reading_alerts,
    reading_channels,
    reading_health,
    reading_incidents,
    reading_metrics,
    reading_report,
    reading_statistics,
)
from healthmgr.storage.paging import bounded, instant, one_of, page, seal, unseal
from healthmgr.storage.reading_status import CHECKS_WITH_STATE, status_of
from healthmgr.storage.tables import (
    alerts,
    check_dependencies,
    check_schedules,
    check_states,
    checks,
    results,
    transitions,
)
from healthmgr.storage.tracing_rows import read_causes
from healthmgr.views import (
    AlertView,
    ChannelView,
    CheckLine,
    CheckView,
    HealthView,
    NotificationView,
    Overview,
    Page,
    ResultView,
    StatisticsView,
    StatusView,
    TransitionView,
)
from healthmgr.views_incidents import IncidentLine, IncidentView
from healthmgr.views_insight import CausesView

STATUSES = tuple(Status)
_parents = checks.alias("parents")
_DEPENDS_ON = (
    select(func.array_agg(_parents.c.slug))
    .select_from(check_dependencies.join(_parents, _parents.c.id == check_dependencies.c.parent_id))
    .where(check_dependencies.c.check_id == checks.c.id)
    .scalar_subquery()
)
_OPEN_ALERT = (
    select(alerts.c.id)
    .where(alerts.c.check_id == checks.c.id, alerts.c.resolved_at.is_(None))
    .order_by(alerts.c.opened_at.desc())
    .limit(1)
    .scalar_subquery()
)
_STATE_COLUMNS = (
    func.coalesce(check_states.c.status, Status.UNKNOWN.value).label("status"),
    func.coalesce(check_states.c.is_hard, True).label("is_hard"),
    func.coalesce(check_states.c.attempt, 0).label("attempt"),
    func.coalesce(check_states.c.is_flapping, False).label("is_flapping"),
    check_states.c.since_at,
    check_states.c.last_result_at,
    func.coalesce(check_states.c.last_message, "").label("last_message"),
    check_states.c.last_response_time,
    case((check_schedules.c.is_active, check_schedules.c.next_due_at)).label("next_due_at"),
    _OPEN_ALERT.label("open_alert_id"),
)
_CHECK_COLUMNS = (
    *(checks.c[name] for name in CheckView.model_fields if name in checks.c),
    _DEPENDS_ON.label("depends_on"),
    func.coalesce(check_states.c.last_metrics, literal_column("'{}'::jsonb")).label("last_metrics"),
    *_STATE_COLUMNS,
)
_LINE_COLUMNS = (*(checks.c[name] for name in CheckLine.model_fields if name in checks.c), *_STATE_COLUMNS)


class Reading:
    """Every question that is only a question. Lists are paged by cursor; lengths are seconds.

    A malformed cursor, limit or filter raises DefinitionError; a check or alert that is not there NotFound.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def status(self, now: datetime) -> StatusView:
        """The whole at a glance, over all checks that are enabled and not paused."""
        with self._engine.connect() as connection:
            return status_of(connection, now)

    def health(self, now: datetime) -> HealthView:
        """How healthmgr itself is, by the last signs of life of its parts."""
        with self._engine.connect() as connection:
            return reading_health.health(connection, now)

    def overview(self, now: datetime) -> Overview:
        """Everything a screen shows, read in one transaction."""
        with self._engine.connect() as connection:
            lines = connection.execute(
                select(*_LINE_COLUMNS).select_from(CHECKS_WITH_STATE).where(checks.c.is_enabled).order_by(checks.c.slug)
            ).mappings()
            return Overview(
                at=now,
                checks=[CheckLine.model_validate(_with_seconds(row)) for row in lines],
                alerts=reading_alerts.alert_page(connection, state="open", limit=200).items,
                status=status_of(connection, now),
                health=reading_health.health(connection, now),
            )

    def incidents(
        self, *, state: str = "open", severity: str | None = None, cursor: str | None = None, limit: int = 50
    ) -> Page[IncidentLine]:
        """Incidents, newest first."""
        with self._engine.connect() as connection:
            return reading_incidents.incident_page(
                connection, state=state, severity=severity, cursor=cursor, limit=limit
            )

    def incident_id(self, number: int) -> UUID:
        """The id of the incident that people call by this number."""
        with self._engine.connect() as connection:
            return reading_incidents.incident_id(connection, number)

    def incident(self, incident_id: UUID) -> IncidentView:
        """One incident with its alerts, notifications and timeline."""
        with self._engine.connect() as connection:
            return reading_incidents.incident(connection, incident_id)

    def causes(self, incident_id: UUID) -> CausesView:
        """What the incident may come from, as far as it was traced back."""
        with self._engine.connect() as connection:
            return CausesView.of(*read_causes(connection, incident_id))

    def report_facts(self, incident_id: UUID, now: datetime) -> Facts:
        """What a report on an incident is drafted from."""
        with self._engine.connect() as connection:
            return reading_report.read_facts(connection, incident_id, now)

    def channels(self) -> list[ChannelView]:
        """All channels, those in use first, with what the latest notifications met on them."""
        with self._engine.connect() as connection:
            return reading_channels.channels(connection)

    def numbers(self, now: datetime) -> reading_metrics.Numbers:
        """What metrics tell of the rows."""
        with self._engine.connect() as connection:
            return reading_metrics.numbers(connection, now)

    def statistics(self, now: datetime) -> StatisticsView:
        """What a dashboard wants to count."""
        with self._engine.connect() as connection:
            return reading_statistics.statistics(connection, status_of(connection, now), now)

    def checks(
        self,
        *,
        status: str | None = None,
        service: str | None = None,
        kind: str | None = None,
        search: str | None = None,
        include_disabled: bool = False,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Page[CheckView]:
        """Checks by slug. `search` is a part of the slug, name, description or service, in any case of letters."""
        query = select(*_CHECK_COLUMNS).select_from(CHECKS_WITH_STATE).order_by(checks.c.slug).limit(bounded(limit) + 1)
        if not include_disabled:
            query = query.where(checks.c.is_enabled)
        if one_of(status, STATUSES, "status"):
            query = query.where(func.coalesce(check_states.c.status, Status.UNKNOWN.value) == status)
        if service is not None:
            query = query.where(checks.c.service == service)
        if kind is not None:
            query = query.where(checks.c.kind == kind)
        if search:
            query = query.where(_matches(search))
        if cursor:
            query = query.where(checks.c.slug > unseal(cursor, str)[0])
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return page(rows, limit, _check_view, lambda row: seal(row["slug"]))

    def check(self, slug: str) -> CheckView:
        """One check, also a disabled one; raises NotFound."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(*_CHECK_COLUMNS).select_from(CHECKS_WITH_STATE).where(checks.c.slug == slug)
            ).mappings().one_or_none()  # fmt: skip
        if row is None:
            raise no_check(slug)
        return _check_view(row)

    def results(self, slug: str, *, cursor: str | None = None, limit: int = 50) -> Page[ResultView]:
        """The stored results of a check, newest first; raises NotFound."""
        columns = [results.c[name] for name in ResultView.model_fields]
        key = tuple_(results.c.started_at, results.c.sequence)
        query = select(*columns).order_by(results.c.started_at.desc(), results.c.sequence.desc())
        if cursor:
            query = query.where(key < unseal(cursor, instant, int))
        with self._engine.connect() as connection:
            query = query.where(results.c.check_id == _check_id(connection, slug)).limit(bounded(limit) + 1)
            rows = connection.execute(query).mappings().all()
        return page(rows, limit, ResultView.model_validate, lambda row: seal(row["started_at"], row["sequence"]))

    def transitions(self, slug: str, *, cursor: str | None = None, limit: int = 50) -> Page[TransitionView]:
        """The changes of state of a check, newest first; raises NotFound."""
        columns = [transitions.c[name] for name in TransitionView.model_fields]
        key = tuple_(transitions.c.at, transitions.c.id)
        query = select(transitions.c.id, *columns).order_by(transitions.c.at.desc(), transitions.c.id.desc())
        if cursor:
            query = query.where(key < unseal(cursor, instant, UUID))
        with self._engine.connect() as connection:
            query = query.where(transitions.c.check_id == _check_id(connection, slug)).limit(bounded(limit) + 1)
            rows = connection.execute(query).mappings().all()
        return page(rows, limit, TransitionView.model_validate, lambda row: seal(row["at"], row["id"]))

    def alerts(
        self,
        *,
        state: str = "open",
        severity: str | None = None,
        check: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[AlertView]:
        """Alerts, newest first; `state` is open, firing, acknowledged, suppressed, resolved or all."""
        with self._engine.connect() as connection:
            return reading_alerts.alert_page(
                connection, state=state, severity=severity, check=check, cursor=cursor, limit=limit
            )

    def alert(self, alert_id: UUID) -> AlertView:
        """One alert; raises NotFound."""
        with self._engine.connect() as connection:
            return reading_alerts.alert(connection, alert_id)

    def notifications(
        self,
        *,
        state: str | None = None,
        alert_id: UUID | None = None,
        recipient: str | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page[NotificationView]:
        """Notifications with their attempts, newest first; `alert_id` means those of the alert's incident."""
        with self._engine.connect() as connection:
            return reading_alerts.notification_page(
                connection, state=state, alert_id=alert_id, recipient=recipient, cursor=cursor, limit=limit
            )


def no_check(slug: str) -> NotFound:
    """The error for a slug that names no check."""
    return NotFound(f"There is no check {slug!r}: `healthmgr checks list` shows those that exist")


def _check_id(connection: Connection, slug: str) -> UUID:
    found: UUID | None = connection.execute(select(checks.c.id).where(checks.c.slug == slug)).scalar_one_or_none()
    if found is None:
        raise no_check(slug)
    return found


def _matches(search: str) -> Any:
    columns = (checks.c.slug, checks.c.name, checks.c.description, checks.c.service)
    condition = columns[0].icontains(search, autoescape=True)
    for column in columns[1:]:
        condition = condition | column.icontains(search, autoescape=True)
    return condition


def _with_seconds(row: RowMapping) -> dict[str, Any]:
    lengths = {name: row[name].total_seconds() for name in ("interval", "timeout", "retry_interval") if name in row}
    return {**row, **lengths}


def _check_view(row: RowMapping) -> CheckView:
    return CheckView.model_validate({**_with_seconds(row), "depends_on": sorted(row["depends_on"] or ())})
