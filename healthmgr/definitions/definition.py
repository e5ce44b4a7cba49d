"""What was defined, with every default filled in; and what is stored of it already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Policy
from healthmgr.domain.maintenance import Window
from healthmgr.domain.matcher import Matcher
from healthmgr.domain.person import Contact, QuietHours
from healthmgr.domain.routing_tree import ROOT, Route
from healthmgr.domain.runbook import Runbook
from healthmgr.domain.schedule import Layer
from healthmgr.domain.slo import Slo
from healthmgr.domain.status_page import STATUS_PAGE, StatusPage
from healthmgr.domain.timewindow import TimeInterval
from healthmgr.errors import Problem
from healthmgr.ports import Channel, CheckType, StepType

Item = TypeVar("Item", covariant=True)

SETTINGS = "settings"  # the source of what the settings define: any file may take it over

# The sections of a file in the order in which they refer to each other, and the attribute that holds each.
SECTIONS = (
    ("channels", "channels"),
    ("recipients", "recipients"),
    ("teams", "teams"),
    ("schedules", "schedules"),
    ("escalation_policies", "escalation_policies"),
    ("receivers", "receivers"),
    ("time_windows", "time_windows"),
    ("routing", "routes"),
    ("maintenance", "maintenance"),
    ("inhibitions", "inhibitions"),
    ("runbooks", "runbooks"),
    ("checks", "checks"),
    ("slos", "slos"),
    ("status_page", "status_pages"),
)

# The order below the root, over all sources: the routes that were given a place of their own, by source and as
# they are written there; then the short forms of the severities; the root itself stands last.
# That is ORDER BY position >= 1000, managed_by, position.
MOST_ROUTES = 1000
POSITIONS: Mapping[str, int] = {
    **{severity.value: MOST_ROUTES + 1 + severity.rank for severity in Severity},
    ROOT: 2000,
}


def order_of(stored: Stored[RouteDefinition]) -> tuple[bool, str, int]:
    """What the routes below the root are sorted by."""
    position = stored.definition.position
    return position >= MOST_ROUTES, stored.managed_by, position


@dataclass(frozen=True, slots=True)
class ChannelDefinition:
    """A way to reach people. `config` is as written: secrets stay references."""

    name: str
    kind: str
    config: Mapping[str, Any]
    max_concurrency: int


@dataclass(frozen=True, slots=True)
class RecipientDefinition:
    """Someone to tell. `contacts` holds the address by channel name, with references resolved.

    `contact_plan` is the same in the order in which they are tried; empty: all at once. `quiet` has every time
    window that it names written out.
    """

    name: str
    display_name: str
    contacts: Mapping[str, str]
    contact_plan: tuple[Contact, ...] = ()
    quiet: tuple[QuietHours, ...] = ()
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class TeamDefinition:
    """People under one name."""

    name: str
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScheduleDefinition:
    """Who is on call when. `feeds` are iCal addresses, as written, by what is read from each: primary, overrides."""

    name: str
    timezone: str
    layers: tuple[Layer, ...] = ()
    feeds: Mapping[str, str] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True, slots=True)
class PolicyDefinition:
    """An escalation policy."""

    policy: Policy

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name


@dataclass(frozen=True, slots=True)
class ReceiverDefinition:
    """Recipients and channels, an escalation policy, or both under one name, for routes to tell."""

    name: str
    recipients: tuple[str, ...]
    channels: tuple[str, ...]
    sends_resolved: bool = True
    escalation: str = ""


@dataclass(frozen=True, slots=True)
class TimeWindowDefinition:
    """Times of the week and of the year under one name, in which routes are mute or alone speak."""

    name: str
    intervals: tuple[TimeInterval, ...]


@dataclass(frozen=True, slots=True)
class RouteDefinition:
    """A route right below the root with all that is below it, or the root itself. `position` orders them."""

    route: Route
    position: int

    @property
    def name(self) -> str:
        """The route's name, unique over all sources."""
        return self.route.name


@dataclass(frozen=True, slots=True)
class MaintenanceDefinition:
    """A planned silence: of which alerts, and when."""

    name: str
    matchers: tuple[Matcher, ...]
    window: Window
    covers_dependents: bool = False
    comment: str = ""


@dataclass(frozen=True, slots=True)
class InhibitionDefinition:
    """While an alert fires that the source matches, those that the target matches and that share labels are mute."""

    name: str
    source_matchers: tuple[Matcher, ...]
    target_matchers: tuple[Matcher, ...]
    equal: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunbookDefinition:
    """A recovery procedure. Its steps' settings are as written: secrets stay references."""

    runbook: Runbook

    @property
    def name(self) -> str:
        """The runbook's name."""
        return self.runbook.name


@dataclass(frozen=True, slots=True)
class SloDefinition:
    """A service level."""

    slo: Slo

    @property
    def name(self) -> str:
        """The service level's name."""
        return self.slo.name


@dataclass(frozen=True, slots=True)
class StatusPageDefinition:
    """What everybody may read. There is one of them over all sources."""

    page: StatusPage
    name: str = STATUS_PAGE


@dataclass(frozen=True, slots=True)
class CheckDefinition:
    """A check. `config` is as written; `dependencies` maps a parent's slug to its redundancy group ("": none)."""

    slug: str
    name: str
    kind: str
    config: Mapping[str, Any]
    interval: timedelta
    timeout: timedelta
    retry_interval: timedelta
    max_attempts: int
    success_threshold: int
    severity: Severity
    degraded_severity: Severity
    detects_flapping: bool
    description: str = ""
    service: str = ""
    category: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    forecasts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    anomalies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    runbook_url: str = ""
    recovery_procedure: str = ""
    is_enabled: bool = True
    dependencies: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Definitions:
    """All that one source defines, by name. `warnings` do not stand in the way of applying it."""

    source: str
    channels: Mapping[str, ChannelDefinition]
    recipients: Mapping[str, RecipientDefinition]
    routes: Mapping[str, RouteDefinition]
    checks: Mapping[str, CheckDefinition]
    receivers: Mapping[str, ReceiverDefinition] = field(default_factory=dict)
    time_windows: Mapping[str, TimeWindowDefinition] = field(default_factory=dict)
    maintenance: Mapping[str, MaintenanceDefinition] = field(default_factory=dict)
    inhibitions: Mapping[str, InhibitionDefinition] = field(default_factory=dict)
    teams: Mapping[str, TeamDefinition] = field(default_factory=dict)
    schedules: Mapping[str, ScheduleDefinition] = field(default_factory=dict)
    escalation_policies: Mapping[str, PolicyDefinition] = field(default_factory=dict)
    runbooks: Mapping[str, RunbookDefinition] = field(default_factory=dict)
    slos: Mapping[str, SloDefinition] = field(default_factory=dict)
    status_pages: Mapping[str, StatusPageDefinition] = field(default_factory=dict)
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Stored(Generic[Item]):
    """A definition as it lies in the database, and whose it is. Only checks have an id and can be paused."""

    definition: Item
    managed_by: str
    is_enabled: bool = True
    id: UUID | None = None
    is_paused: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is stored, of every source, by name."""

    channels: Mapping[str, Stored[ChannelDefinition]] = field(default_factory=dict)
    recipients: Mapping[str, Stored[RecipientDefinition]] = field(default_factory=dict)
    routes: Mapping[str, Stored[RouteDefinition]] = field(default_factory=dict)
    checks: Mapping[str, Stored[CheckDefinition]] = field(default_factory=dict)
    receivers: Mapping[str, Stored[ReceiverDefinition]] = field(default_factory=dict)
    time_windows: Mapping[str, Stored[TimeWindowDefinition]] = field(default_factory=dict)
    maintenance: Mapping[str, Stored[MaintenanceDefinition]] = field(default_factory=dict)
    inhibitions: Mapping[str, Stored[InhibitionDefinition]] = field(default_factory=dict)
    teams: Mapping[str, Stored[TeamDefinition]] = field(default_factory=dict)
    schedules: Mapping[str, Stored[ScheduleDefinition]] = field(default_factory=dict)
    escalation_policies: Mapping[str, Stored[PolicyDefinition]] = field(default_factory=dict)
    runbooks: Mapping[str, Stored[RunbookDefinition]] = field(default_factory=dict)
    slos: Mapping[str, Stored[SloDefinition]] = field(default_factory=dict)
    status_pages: Mapping[str, Stored[StatusPageDefinition]] = field(default_factory=dict)


class PluginRegistry(Protocol):
    """The kinds that are installed. Every look-up raises PluginError with advice."""

    def check_type(self, kind: str) -> CheckType:
        """The check type of this kind."""
        ...

    def channel(self, kind: str) -> Channel:
        """The channel of this kind."""
        ...

    def step_type(self, kind: str) -> StepType:
        """The kind of step of this name."""
        ...
