"""What people and programs read: the shapes that the API answers with and the CLI prints as JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from healthmgr.domain.delivery_time import DeliveryTimes

Item = TypeVar("Item")


class View(BaseModel):
    """A read-only picture of rows; times are aware UTC, lengths are seconds."""

    model_config = ConfigDict(frozen=True)


class Page(View, Generic[Item]):
    """A page of a longer list: pass `next_cursor` back to read on; None at the end."""

    items: list[Item]
    next_cursor: str | None = None


class CheckView(View):
    """A check and what we believe of it."""

    id: UUID
    slug: str
    name: str
    description: str
    service: str
    category: str
    kind: str
    severity: str
    interval: float
    timeout: float
    retry_interval: float
    thresholds: dict[str, dict[str, str]]
    labels: dict[str, str]
    depends_on: list[str]
    runbook_url: str
    recovery_procedure: str
    is_enabled: bool
    is_paused: bool
    status: str
    is_hard: bool
    attempt: int
    max_attempts: int
    is_flapping: bool
    since_at: datetime | None
    last_result_at: datetime | None
    last_message: str
    last_response_time: float | None
    last_metrics: dict[str, float]
    next_due_at: datetime | None
    open_alert_id: UUID | None


class ResultView(View):
    """One stored result."""

    started_at: datetime
    sequence: int
    status: str
    message: str
    response_time: float
    metrics: dict[str, float]
    cause: str
    slot_at: datetime | None
    worker: str


class TransitionView(View):
    """One change of state."""

    at: datetime
    old_status: str
    new_status: str
    is_hard: bool
    attempt: int
    reason: str
    message: str


class ActionView(View):
    """What a person did about an alert: `action` is acknowledge or resolve; with their comment, if they left one."""

    at: datetime
    actor: str
    action: str
    comment: str


class AlertView(View):
    """An alert; `state` is firing, acknowledged, suppressed or resolved.

    One that came through a door has no check (""), and `origin` is the door. `mute_reason` is why nobody was told of it
    when its group was last judged, `muted_by` the silence, window or rule that it was because of.
    """

    id: UUID
    check: str
    check_name: str
    service: str
    origin: str
    incident_id: UUID | None
    incident_number: int | None
    severity: str
    status: str
    state: str
    summary: str
    is_flapping: bool
    labels: dict[str, str]
    annotations: dict[str, str]
    source_url: str
    runbook_url: str
    mute_reason: str
    muted_by: str
    opened_at: datetime
    updated_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    acknowledged_until: datetime | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str
    suppressed_by: str | None
    actions: list[ActionView] = []


class DeliveryView(View):
    """One attempt at a notification; `reported` is what the provider said later of what it had accepted."""

    attempt: int
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    detail: str
    provider_id: str
    worker: str
    reported: str = ""
    reported_at: datetime | None = None


class NotificationView(View):
    """A notification and its attempts, oldest first."""

    id: UUID
    incident_number: int
    kind: str
    reason: str
    severity: str
    recipient: str
    channel: str
    address: str
    state: str
    state_reason: str
    created_at: datetime
    sent_at: datetime | None
    due_at: datetime | None
    attempts: int
    deliveries: list[DeliveryView]


class ChannelView(View):
    """A channel, and what was last met on it; `last_fault` is the words of the last failure."""

    name: str
    kind: str
    is_enabled: bool
    max_concurrency: int
    managed_by: str
    last_accepted_at: datetime | None
    last_failed_at: datetime | None
    last_fault: str


class StatusView(View):
    """The whole at a glance: the worst hard status of all active checks, what is open, and how fast people are told.

    `open_alerts` and `open_incidents` count by severity.
    """

    status: str
    checks: dict[str, int]
    total_checks: int
    open_alerts: dict[str, int]
    open_incidents: dict[str, int] = Field(default_factory=dict)
    unacknowledged_alerts: int
    pending_notifications: int
    delivery: list[DeliveryTimes] = []
    at: datetime


class CheckNumbers(View):
    """Checks that are watched, by their latest results; `average_response_time` in milliseconds."""

    total_checks: int
    successful_checks: int
    failed_checks: int
    by_status: dict[str, int]
    average_response_time: float


class AlertNumbers(View):
    """Alerts that are open, and how many were opened within a day."""

    active: int
    acknowledged: int
    suppressed: int
    by_severity: dict[str, int]
    opened_last_day: int


class NotificationNumbers(View):
    """Notifications that are not sent yet, and how many were within a day."""

    pending: int
    sent_last_day: int


class StatisticsView(View):
    """What a dashboard wants to count."""

    version: int = 1
    at: datetime
    status: str
    health_checks: CheckNumbers
    alerts: AlertNumbers
    notifications: NotificationNumbers


class PartView(View):
    """One part of healthmgr itself: is it well, how old is its last sign of life (seconds), and what to do."""

    name: str
    is_well: bool
    age: float | None
    message: str
    detail: dict[str, Any] = Field(default_factory=dict)


class HealthView(View):
    """healthmgr's own health."""

    is_well: bool
    parts: list[PartView]


class CheckLine(View):
    """What one line of a list shows of a check; `interval` in seconds, `response_time` too."""

    slug: str
    name: str
    service: str
    kind: str
    severity: str
    interval: float
    is_paused: bool
    status: str
    is_hard: bool
    attempt: int
    max_attempts: int
    is_flapping: bool
    since_at: datetime | None
    last_result_at: datetime | None
    last_message: str
    last_response_time: float | None
    next_due_at: datetime | None
    open_alert_id: UUID | None


class Overview(View):
    """Everything a screen shows, read at one moment: all enabled checks by slug, the open alerts newest first."""

    at: datetime
    status: StatusView
    health: HealthView
    checks: list[CheckLine]
    alerts: list[AlertView]


class TokenView(View):
    """An access token as it is known here: never the token itself."""

    name: str
    role: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
