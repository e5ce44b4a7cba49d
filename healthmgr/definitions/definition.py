"""What was defined, with every default filled in; and what is stored of it already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar
from uuid import UUID

from healthmgr.domain.check import Severity
from healthmgr.errors import Problem
from healthmgr.ports import Channel, CheckType

Item = TypeVar("Item", covariant=True)


@dataclass(frozen=True, slots=True)
class ChannelDefinition:
    """A way to reach people. `config` is as written: secrets stay references."""

    name: str
    kind: str
    config: Mapping[str, Any]
    max_concurrency: int


@dataclass(frozen=True, slots=True)
class RecipientDefinition:
    """Someone to tell. `contacts` holds the address by channel name, with references resolved."""

    name: str
    display_name: str
    contacts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RouteDefinition:
    """Who is told of alerts of one severity ("default": of all that have no route of their own)."""

    severity: str
    recipients: tuple[str, ...]
    channels: tuple[str, ...]
    group_wait: timedelta | None
    repeat_interval: timedelta


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


class PluginRegistry(Protocol):
    """The kinds that are installed. Both look-ups raise PluginError with advice."""

    def check_type(self, kind: str) -> CheckType:
        """The check type of this kind."""
        ...

    def channel(self, kind: str) -> Channel:
        """The channel of this kind."""
        ...
