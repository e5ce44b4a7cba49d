"""What defining asks of the store, and what it answers with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

from healthmgr.definitions.definition import CheckDefinition, Snapshot
from healthmgr.domain.result import Cause
from healthmgr.errors import Problem

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ScheduleChange:
    """When a check is due next, and why."""

    phase: timedelta
    next_due_at: datetime
    cause: Cause


@dataclass(frozen=True, slots=True)
class CheckChange:
    """A check to be written. `begins` when nothing is believed of it yet; `schedule` None leaves its times alone."""

    id: UUID
    definition: CheckDefinition
    is_active: bool
    begins: bool
    schedule: ScheduleChange | None


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying a file changed, as "checks.database", "channels.inbox", "routing.default" and so on."""

    source: str
    created: tuple[str, ...]
    updated: tuple[str, ...]
    unchanged: tuple[str, ...]
    disabled: tuple[str, ...]
    warnings: tuple[Problem, ...] = ()

    @property
    def has_changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.created or self.updated or self.disabled)

    @property
    def counts(self) -> dict[str, int]:
        """How many of each sort."""
        return {sort: len(getattr(self, sort)) for sort in ("created", "updated", "unchanged", "disabled")}


class DefinitionSession(Protocol):
    """One transaction, with no other apply beside it."""

    def snapshot(self) -> Snapshot:
        """Everything that is stored."""
        ...

    def save(self, section: str, items: Sequence[Any], source: str, now: datetime) -> None:
        """Write what is new or changed of a section other than checks, enabled."""
        ...

    def drop(self, section: str, names: Sequence[str], now: datetime) -> None:
        """Disable or remove what is no longer defined of a section other than checks."""
        ...

    def reconsider(self, now: datetime) -> None:
        """Have what is held back by mutes looked at again, for the mutes have changed."""
        ...

    def hold(self, check_ids: Sequence[UUID]) -> None:
        """Keep evaluation from these checks until the transaction ends."""
        ...

    def save_checks(self, changes: Sequence[CheckChange], source: str, now: datetime) -> None:
        """Write checks with their schedules, first states and dependencies."""
        ...

    def retire(self, check_ids: Sequence[UUID], *, resolution: str, now: datetime) -> None:
        """Stop checks, keep their history, and resolve their open alerts so that those who were told hear of it."""
        ...

    def record(self, actor: str, origin: str, target: str, detail: Mapping[str, Any], now: datetime) -> None:
        """Note on the audit log that definitions were applied."""
        ...


class DefinitionStore(Protocol):
    """Where definitions are kept."""

    def snapshot(self) -> Snapshot:
        """Everything that is stored."""
        ...

    def transact(self, work: Callable[[DefinitionSession], T]) -> T:
        """Do the work in one transaction, one at a time over all processes; it may be called again after a deadlock."""
        ...
