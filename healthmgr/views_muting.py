"""The shapes in which silences, maintenance windows, and what they keep quiet are read."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from healthmgr.domain.hits import Hits
from healthmgr.domain.maintenance import Occurrence
from healthmgr.domain.maintenance_window import MaintenanceWindow
from healthmgr.domain.silence import Silence
from healthmgr.views import View


class SilenceView(View):
    """A silence; `state` is pending, active or expired, `matchers` are written as people write them."""

    id: UUID
    state: str
    matchers: list[str]
    starts_at: datetime
    ends_at: datetime
    created_by: str
    comment: str
    annotations: dict[str, str]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, silence: Silence, now: datetime) -> SilenceView:
        """A silence as it is at this instant."""
        return cls(
            id=silence.id,
            state=silence.state(now).value,
            matchers=[str(matcher) for matcher in silence.matchers],
            starts_at=silence.starts_at,
            ends_at=silence.ends_at,
            created_by=silence.created_by,
            comment=silence.comment,
            annotations=dict(silence.annotations),
            created_at=silence.created_at,
            updated_at=silence.updated_at,
        )


class OccurrenceView(View):
    """One time that a maintenance window is open: up to, not including, `ends_at`."""

    starts_at: datetime
    ends_at: datetime

    @classmethod
    def of(cls, occurrence: Occurrence | None) -> OccurrenceView | None:
        """None of none."""
        return cls(starts_at=occurrence.starts_at, ends_at=occurrence.ends_at) if occurrence else None


class MaintenanceView(View):
    """A maintenance window; `state` is open, waiting or over, `window` says when it is open as definitions do.

    `managed_by` is `api`, or the file that defines it; `ended_at` when a person ended an occurrence early.
    """

    name: str
    state: str
    matchers: list[str]
    window: dict[str, Any]
    covers_dependents: bool
    comment: str
    created_by: str
    managed_by: str
    current: OccurrenceView | None
    next: OccurrenceView | None
    ended_at: datetime | None
    updated_at: datetime

    @classmethod
    def of(cls, window: MaintenanceWindow, now: datetime) -> MaintenanceView:
        """A window as it is at this instant."""
        current, following = window.open_at(now), window.next_after(now)
        return cls(
            name=window.name,
            state="open" if current else "waiting" if following else "over",
            matchers=[str(matcher) for matcher in window.matchers],
            window=dict(window.window.to_document()),
            covers_dependents=window.covers_dependents,
            comment=window.comment,
            created_by=window.created_by,
            managed_by=window.managed_by,
            current=OccurrenceView.of(current),
            next=OccurrenceView.of(following),
            ended_at=window.ended_at,
            updated_at=window.updated_at,
        )


class HitAlertView(View):
    """An open alert that is hit; `name` is its check's slug, or what its source calls it."""

    id: UUID
    name: str
    severity: str
    summary: str
    opened_at: datetime
    incident_number: int | None


class HitIncidentView(View):
    """An incident that is hit: `alerts` of its `open_alerts`; where that is all, it is quiet."""

    id: UUID
    number: int
    alerts: list[str]
    open_alerts: int
    is_quiet: bool


class HitsView(View):
    """What would be kept quiet now. `notifications` wait to be sent, and would go on waiting.

    `checks` are those that it is for, whether they have an open alert or not; previews alone look for them.
    """

    alerts: list[HitAlertView]
    incidents: list[HitIncidentView]
    notifications: int
    checks: tuple[str, ...] = ()

    @classmethod
    def of(cls, hits: Hits) -> HitsView:
        """As it is shown."""
        return cls(
            alerts=[
                HitAlertView(
                    id=alert.id,
                    name=alert.name,
                    severity=alert.severity.value,
                    summary=alert.summary,
                    opened_at=alert.opened_at,
                    incident_number=alert.incident_number,
                )
                for alert in hits.alerts
            ],
            incidents=[
                HitIncidentView(
                    id=incident.id,
                    number=incident.number,
                    alerts=list(incident.alerts),
                    open_alerts=incident.open_alerts,
                    is_quiet=incident.is_quiet,
                )
                for incident in hits.incidents
            ],
            notifications=hits.notifications,
            checks=hits.checks,
        )
