"""Defining: a file is judged, compared with what is stored, and the difference written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, TypeVar
from uuid import UUID

from uuid_utils.compat import uuid7

from healthmgr.definitions.definition import (
    SECTIONS,
    CheckDefinition,
    Definitions,
    PluginRegistry,
    Snapshot,
    Stored,
)
from healthmgr.definitions.difference import Difference, compare, is_applied, is_gone
from healthmgr.definitions.reading import read_draft
from healthmgr.definitions.references import complete
from healthmgr.definitions.settling import Fallbacks
from healthmgr.definitions.tree import RoutingTree, as_stored, tree_of
from healthmgr.domain.check import next_slot, stable_phase
from healthmgr.domain.result import Cause
from healthmgr.errors import Problem, Unavailable

T = TypeVar("T")

NO_LONGER_DEFINED = "no longer defined"
DISABLED = "disabled in its definition"

# Checks that begin together are spread so that ten thousand make no herd: a small fleet keeps up with 400 a second.
_BEGIN_WITHIN = timedelta(seconds=2)
_BEGIN_A_SECOND = 400
_PROBED = ("kind", "config", "timeout", "thresholds", "max_attempts", "severity", "degraded_severity")
_MUTING = ("time_windows", "maintenance", "inhibitions")
_MOST_NAMED = 100  # names of each sort in the audit log


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


class Defining:
    """The use cases of definitions.

    Without a store a file can be validated by itself: names that it does not define are then only warned of.
    """

    def __init__(
        self,
        store: DefinitionStore | None,
        registry: PluginRegistry,
        environ: Mapping[str, str],
        fallbacks: Fallbacks | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._environ = environ
        self._fallbacks = fallbacks or Fallbacks()

    def validate(self, path: Path) -> Definitions:
        """What the file defines. Raises DefinitionError naming everything that is wrong with it."""
        draft = read_draft(path, self._registry, self._environ, self._fallbacks)
        return complete(draft, self._store.snapshot() if self._store else None, self._registry)

    def diff(self, path: Path) -> Difference:
        """What applying the file would change; nothing is changed. Raises DefinitionError as `apply` would."""
        if self._store is None:
            raise Unavailable("There is no database to compare the definitions with: set DATABASE_URL")
        stored = self._store.snapshot()
        draft = read_draft(path, self._registry, self._environ, self._fallbacks)
        return compare(complete(draft, stored, self._registry), stored)

    def tree(self, path: Path | None = None) -> RoutingTree:
        """The routing tree that is stored; with a file, that which it defines. Raises DefinitionError as `validate`."""
        if path is not None:
            return tree_of(as_stored(self.validate(path)))
        if self._store is None:
            raise Unavailable("There is no database to read the routes from: set DATABASE_URL, or name a file")
        return tree_of(self._store.snapshot())

    def apply(self, path: Path, *, actor: str, origin: str, now: datetime, source: str | None = None) -> Applied:
        """Make what is stored of this source equal to the file, in one transaction.

        `source` is whose definitions these are, where that is not the file itself. What the file no longer
        defines is disabled, its history kept. Raises DefinitionError, and has then
        changed nothing, when anything is wrong with the file.
        """
        if self._store is None:
            raise Unavailable("There is no database to apply the definitions to: set DATABASE_URL")
        draft = read_draft(path, self._registry, self._environ, self._fallbacks)
        draft.source = source or draft.source

        def work(session: DefinitionSession) -> Applied:
            stored = session.snapshot()
            applying = _Applying(session, complete(draft, stored, self._registry), stored, now)
            applied = applying.apply()
            session.record(actor, origin, applied.source, _audit_detail(applied), now)
            return applied

        return self._store.transact(work)


@dataclass(slots=True)
class _Applying:
    """One file on its way into the store."""

    session: DefinitionSession
    definitions: Definitions
    stored: Snapshot
    now: datetime
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)

    def apply(self) -> Applied:
        """Write every difference; the order satisfies what refers to what."""
        source, now = self.definitions.source, self.now
        changed = {section: self._changed(section, *self._both(attribute)) for section, attribute in SECTIONS}
        checks = changed.pop("checks")
        for section, items in changed.items():
            if items:
                self.session.save(section, items, source, now)
        gone = {section: self._gone(section, *self._both(name)) for section, name in SECTIONS if section != "checks"}
        for section, names in gone.items():
            if names:
                self.session.drop(section, names, now)
        if any(changed[section] or gone[section] for section in _MUTING):
            self.session.reconsider(now)
        self._retire(checks)
        if checks:
            self.session.save_checks(self._plan(checks), source, now)
        return Applied(
            source,
            tuple(self.created),
            tuple(self.updated),
            tuple(self.unchanged),
            tuple(self.disabled),
            self.definitions.warnings,
        )

    def _both(self, attribute: str) -> tuple[Mapping[str, Any], Mapping[str, Stored[Any]]]:
        return getattr(self.definitions, attribute), getattr(self.stored, attribute)

    def _changed(self, section: str, wanted: Mapping[str, T], stored: Mapping[str, Stored[T]]) -> list[T]:
        changed = []
        for name, definition in wanted.items():
            old = stored.get(name)
            if is_applied(definition, old, self.definitions.source, section):
                self.unchanged.append(f"{section}.{name}")
                continue
            (self.created if old is None else self.updated).append(f"{section}.{name}")
            changed.append(definition)
        return changed

    def _gone(self, section: str, wanted: Mapping[str, Any], stored: Mapping[str, Stored[Any]]) -> list[str]:
        gone = [name for name, old in stored.items() if is_gone(name, old, self.definitions.source, wanted)]
        self.disabled.extend(f"{section}.{name}" for name in gone)
        return gone

    def _retire(self, changed: Iterable[CheckDefinition]) -> None:
        gone = self._gone("checks", self.definitions.checks, self.stored.checks)
        known = [check for check in changed if check.slug in self.stored.checks]
        switched_off = [c.slug for c in known if not c.is_enabled and self.stored.checks[c.slug].is_enabled]
        held = self._ids([*gone, *(check.slug for check in known)])
        if held:
            # All at once and before anything else: evaluation locks states first, and in the same order.
            self.session.hold(held)
        for slugs, resolution in ((gone, NO_LONGER_DEFINED), (switched_off, DISABLED)):
            if slugs:
                self.session.retire(self._ids(slugs), resolution=resolution, now=self.now)

    def _ids(self, slugs: Iterable[str]) -> list[UUID]:
        return [check_id for slug in slugs if (check_id := self.stored.checks[slug].id) is not None]

    def _plan(self, checks: Sequence[CheckDefinition]) -> list[CheckChange]:
        within = _begin_within(len(checks))
        return [plan_check(check, self.stored.checks.get(check.slug), within, self.now) for check in checks]


def _begin_within(count: int) -> timedelta:
    """How long so many checks that begin together are spread over."""
    return max(_BEGIN_WITHIN, timedelta(seconds=count / _BEGIN_A_SECOND))


def plan_check(
    check: CheckDefinition, old: Stored[CheckDefinition] | None, within: timedelta, now: datetime
) -> CheckChange:
    """How a new or changed check is written.

    One that begins, or is probed differently, is due soon, within `within` (by its phase, so that many make
    no herd); one whose interval alone changed, at its next slot; the times of any other are left alone.
    """
    begins = old is None or (check.is_enabled and not old.is_enabled)
    phase = stable_phase(check.slug, check.interval)
    schedule: ScheduleChange | None = None
    if old is None or begins or any(getattr(check, name) != getattr(old.definition, name) for name in _PROBED):
        soon = now + phase % min(check.interval, within)
        schedule = ScheduleChange(phase, soon, Cause.REQUEST)
    elif check.interval != old.definition.interval:
        schedule = ScheduleChange(phase, next_slot(now, check.interval, phase), Cause.SLOT)
    return CheckChange(
        id=old.id if old is not None and old.id is not None else uuid7(),
        definition=check,
        is_active=check.is_enabled and not (old is not None and old.is_paused),
        begins=begins,
        schedule=schedule,
    )


def _audit_detail(applied: Applied) -> dict[str, Any]:
    named = {sort: list(getattr(applied, sort)[:_MOST_NAMED]) for sort in ("created", "updated", "disabled")}
    return {"counts": applied.counts, **{sort: names for sort, names in named.items() if names}}
