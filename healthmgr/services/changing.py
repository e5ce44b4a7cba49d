"""Deployments and other changes that people and programs report: what breaks soon after may come from them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.domain.cause import Changed, KeptChange
from healthmgr.domain.incoming import LONGEST_ANNOTATION, LONGEST_SUMMARY, LONGEST_URL, storable
from healthmgr.errors import DefinitionError, NotFound, Problem

log = structlog.get_logger(__name__)

EARLY_BY = timedelta(minutes=5)  # clocks elsewhere: what lies further ahead has not happened
MOST = 500
_LONGEST: Mapping[str, int] = {"title": LONGEST_SUMMARY, "service": 200, "version": 200, "by": 200, "link": LONGEST_URL}


class ChangingTransaction(Protocol):
    """One transaction over changes; commits when its context ends well."""

    def add(self, changed: Changed, source: str, now: datetime) -> UUID:
        """Keep one; its id."""
        ...

    def find(self, service: str, since: datetime, limit: int) -> list[KeptChange]:
        """The latest first; of one service, or of all ("")."""
        ...

    def get(self, change_id: UUID) -> KeptChange | None:
        """One of them."""
        ...

    def forget(self, before: datetime) -> int:
        """Remove what was made before; how many there were."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class ChangingStore(Protocol):
    """Where changes are."""

    def begin(self) -> AbstractContextManager[ChangingTransaction]:
        """Open a transaction."""
        ...


class Changing:
    """Keeps changes. All raise Unavailable while the database is away."""

    def __init__(self, store: ChangingStore) -> None:
        self._store = store

    def report(
        self,
        changed: Changed,
        *,
        source: str,
        actor: str,
        origin: str,
        now: datetime,
        detail: Mapping[str, str] | None = None,
    ) -> UUID:
        """Remember that something was changed; its id. Raises DefinitionError for what cannot be."""
        kept = _judged(changed, now)
        notes = {storable(name): storable(value, LONGEST_ANNOTATION) for name, value in (detail or {}).items()}
        said = {"service": kept.service, "version": kept.version, "by": kept.by, "link": kept.link}
        with self._store.begin() as transaction:
            change_id = transaction.add(kept, source, now)
            facts = {name: value for name, value in said.items() if value}
            transaction.audit(actor, origin, "change.reported", kept.title, {**facts, **notes}, now)
        log.info("change_reported", title=kept.title, service=kept.service, actor=actor)
        return change_id

    def find(self, *, since: datetime, service: str = "", limit: int = 50) -> Sequence[KeptChange]:
        """The latest changes first."""
        with self._store.begin() as transaction:
            return transaction.find(service, since, min(max(1, limit), MOST))

    def get(self, change_id: UUID) -> KeptChange:
        """One change; raises NotFound."""
        with self._store.begin() as transaction:
            found = transaction.get(change_id)
        if found is None:
            raise NotFound(f"There is no change {change_id}: `healthmgr changes list` shows those that are kept")
        return found

    def forget(self, before: datetime) -> int:
        """Remove what was made before that."""
        with self._store.begin() as transaction:
            return transaction.forget(before)


def _judged(changed: Changed, now: datetime) -> Changed:
    faults = []
    said = {name: getattr(changed, name).strip() for name in _LONGEST}
    if not said["title"]:
        faults.append(Problem("say what was changed", path="title"))
    for name, longest in _LONGEST.items():
        try:
            storable(said[name], longest)
        except ValueError as error:
            faults.append(Problem(str(error), path=name))
    if said["link"] and not re.match(r"https?://\S+$", said["link"]):
        faults.append(Problem("expected an address that begins with https:// or http://", path="link"))
    if changed.at > now + EARLY_BY:
        faults.append(Problem(f"{changed.at.isoformat()} lies ahead: a change is reported once it is made", path="at"))
    if faults:
        raise DefinitionError(faults)
    return replace(changed, **said, at=min(changed.at, now))
