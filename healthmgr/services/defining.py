"""Defining: a file is judged, compared with what is stored, and the difference written in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from healthmgr.definitions.definition import (
    SECTIONS,
    CheckDefinition,
    Definitions,
    PluginRegistry,
    Snapshot,
    Stored,
)
from healthmgr.definitions.difference import Difference, compare, is_applied, is_gone
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.provided import Provider, Wishes, with_provided
from healthmgr.definitions.reading import read_draft
from healthmgr.definitions.references import complete
from healthmgr.definitions.settling import Fallbacks
from healthmgr.definitions.tree import RoutingTree, as_stored, tree_of
from healthmgr.errors import Unavailable
from healthmgr.services.defining_checks import plan_checks
from healthmgr.services.defining_ports import Applied, DefinitionSession, DefinitionStore

T = TypeVar("T")

NO_LONGER_DEFINED = "no longer defined"
DISABLED = "disabled in its definition"

_MUTING = ("time_windows", "maintenance", "inhibitions")
_MOST_NAMED = 100  # names of each sort in the audit log
_SORTS = ("created", "updated", "unchanged", "disabled")


class Defining:
    """The use cases of definitions.

    Without a store a file can be validated by itself: names that it does not define are then only warned of.
    `wishes` is what the settings say of channels; what follows from them is defined beside every file.
    """

    def __init__(
        self,
        store: DefinitionStore | None,
        registry: PluginRegistry,
        environ: Mapping[str, str],
        fallbacks: Fallbacks | None = None,
        wishes: Wishes | None = None,
    ) -> None:
        self._store = store
        self._registry = registry
        self._environ = environ
        self._fallbacks = fallbacks or Fallbacks()
        self._provider = Provider(wishes, registry, environ, self._fallbacks) if wishes is not None else None

    def validate(self, path: Path, now: datetime | None = None) -> Definitions:
        """What the file defines. Raises DefinitionError naming everything that is wrong with it.

        With `now`, times of the coming weeks that nobody is on call are warned of.
        """
        draft = self._read(path)
        if self._store is None:
            provided = self._provided(draft, Snapshot())
            return self._complete(draft, None, now, provided)
        return self._complete(draft, self._beside(draft, self._store.snapshot()), now)

    def diff(self, path: Path, now: datetime | None = None) -> Difference:
        """What applying the file would change; nothing is changed. Raises DefinitionError as `apply` would."""
        if self._store is None:
            raise Unavailable("There is no database to compare the definitions with: set DATABASE_URL")
        stored = self._store.snapshot()
        draft = self._read(path)
        provided = self._provided(draft, stored)
        beside = stored if provided is None else with_provided(stored, provided, draft)
        difference = compare(self._complete(draft, beside, now), beside)
        if provided is None:
            return difference
        first = compare(provided, stored, kept=draft.declared)
        changes = (*first.changes, *difference.changes)
        return replace(difference, changes=changes, unchanged=first.unchanged + difference.unchanged)

    def tree(self, path: Path | None = None) -> RoutingTree:
        """The routing tree that is stored; with a file, that which it defines. Raises DefinitionError as `validate`."""
        if path is not None:
            return tree_of(self._with_provided_alone(self.validate(path), path))
        if self._store is None:
            raise Unavailable("There is no database to read the routes from: set DATABASE_URL, or name a file")
        return tree_of(self._store.snapshot())

    def apply(self, path: Path, *, actor: str, origin: str, now: datetime, source: str | None = None) -> Applied:
        """Make what is stored of this source equal to the file, in one transaction.

        `source` is whose definitions these are, where that is not the file itself; what the settings define is
        brought up to date with a file alone. What the file no longer defines is disabled, its history kept. Raises
        DefinitionError, and has then changed nothing, when anything is wrong with the file.
        """
        if self._store is None:
            raise Unavailable("There is no database to apply the definitions to: set DATABASE_URL")
        draft = self._read(path)
        draft.source = source or draft.source

        def work(session: DefinitionSession) -> Applied:
            stored = session.snapshot()
            provided = self._provided(draft, stored) if source is None else None
            first = None
            if provided is not None:
                first = _Applying(session, provided, stored, now, draft.declared).apply()
                stored = session.snapshot() if first.has_changed else stored
            applied = _Applying(session, self._complete(draft, stored, now), stored, now).apply()
            applied = applied if first is None else _joined(first, applied)
            session.record(actor, origin, applied.source, _audit_detail(applied), now)
            return applied

        return self._store.transact(work)

    def _read(self, path: Path) -> Draft:
        return read_draft(path, self._registry, self._environ, self._fallbacks)

    def _complete(
        self, draft: Draft, stored: Snapshot | None, now: datetime | None, provided: Definitions | None = None
    ) -> Definitions:
        delay = self._fallbacks.escalation_delay
        return complete(draft, stored, self._registry, provided=provided, default_delay=delay, now=now)

    def _provided(self, draft: Draft, stored: Snapshot) -> Definitions | None:
        return self._provider.definitions(draft, stored) if self._provider is not None else None

    def _beside(self, draft: Draft, stored: Snapshot) -> Snapshot:
        provided = self._provided(draft, stored)
        return stored if provided is None else with_provided(stored, provided, draft)

    def _with_provided_alone(self, definitions: Definitions, path: Path) -> Snapshot:
        """The file's definitions and the settings', without what other sources have stored."""
        return as_stored(definitions, self._provided(self._read(path), Snapshot()))


@dataclass(slots=True)
class _Applying:
    """One file on its way into the store. What is `kept` is not dropped: another source takes it over at once."""

    session: DefinitionSession
    definitions: Definitions
    stored: Snapshot
    now: datetime
    kept: Mapping[str, Set[str]] = field(default_factory=dict)
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
            self.session.save_checks(plan_checks(checks, self.stored.checks, now), source, now)
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
        ours = [name for name, old in stored.items() if is_gone(name, old, self.definitions.source, wanted)]
        gone = [name for name in ours if name not in self.kept.get(section, ())]
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


def _joined(first: Applied, second: Applied) -> Applied:
    """Both as one, of the second one's source."""
    both: dict[str, Any] = {sort: (*getattr(first, sort), *getattr(second, sort)) for sort in _SORTS}
    return replace(second, **both)


def _audit_detail(applied: Applied) -> dict[str, Any]:
    named = {sort: list(getattr(applied, sort)[:_MOST_NAMED]) for sort in ("created", "updated", "disabled")}
    return {"counts": applied.counts, **{sort: names for sort, names in named.items() if names}}
