"""Announcing: what people tell everybody on the status page, with every update of it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from healthmgr.domain.announcement import CLOSING, Announcement, State, Update, Wanted, judge
from healthmgr.domain.status_page import StatusPage
from healthmgr.errors import Conflict, NotFound
from healthmgr.services.judging import Judge, no_demand

log = structlog.get_logger(__name__)


class AnnouncingTransaction(Protocol):
    """One transaction about announcements; commits when its context ends well."""

    def page(self) -> StatusPage | None:
        """The status page as it is defined; None where none is."""
        ...

    def announcement(self, number: int, *, will_change: bool = False) -> Announcement | None:
        """One of them, its row locked where it will be changed."""
        ...

    def announcements(
        self, since: datetime | None, limit: int, before: tuple[datetime, int] | None = None
    ) -> Sequence[Announcement]:
        """Those that are open, or ended or began since then; the newest first.

        `before` is when one starts, and its number: those that come behind it.
        """
        ...

    def add(self, announcement: Announcement) -> int:
        """Write a new one with its updates; its number."""
        ...

    def update(self, announcement: Announcement, update: Update) -> None:
        """Write that this was said of it, and what has changed by that."""
        ...

    def remove(self, announcement_id: UUID) -> None:
        """Forget one, and all that was said of it."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class AnnouncingStore(Protocol):
    """Where announcements are."""

    def begin(self) -> AbstractContextManager[AnnouncingTransaction]:
        """Open a transaction."""
        ...


class Announcing:
    """What people do with announcements."""

    def __init__(self, store: AnnouncingStore) -> None:
        self._store = store

    def page(self) -> StatusPage | None:
        """The status page as it is defined; None where none is."""
        with self._store.begin() as transaction:
            return transaction.page()

    def publish(self, wanted: Wanted, *, actor: str, origin: str, now: datetime) -> Announcement:
        """Tell everybody. Raises Conflict where no status page is defined, DefinitionError naming all that is wrong."""
        with self._store.begin() as transaction:
            page = transaction.page()
            if page is None:
                raise Conflict("No status page is defined: write one under status_page: in healthmgr.yaml first")
            judge(wanted, [group.name for group in page.groups], now)
            announcement = _new(wanted, actor, now)
            number = transaction.add(announcement)
            detail = {"title": wanted.title, "kind": wanted.kind.value, "groups": list(wanted.groups)}
            transaction.audit(actor, origin, "announcement.publish", str(number), detail, now)
        log.info("announcement_published", number=number, kind=wanted.kind.value)
        return self.get(number)

    def update(
        self,
        number: int,
        state: State,
        message: str,
        *,
        actor: str,
        origin: str,
        now: datetime,
        judge: Judge[Announcement] = no_demand,
    ) -> Announcement:
        """Tell what is new of it. Raises NotFound, Conflict for one that is over, DefinitionError for what is wrong."""
        with self._store.begin() as transaction:
            update = Update(now, state, message, actor)
            stored = _find(transaction, number, will_change=True)
            judge(stored)
            updated = stored.updated(update)
            transaction.update(updated, update)
            transaction.audit(actor, origin, "announcement.update", str(number), {"state": state.value}, now)
        return updated

    def withdraw(
        self, number: int, *, actor: str, origin: str, now: datetime, judge: Judge[Announcement] = no_demand
    ) -> None:
        """Take it off the page, as if it had never been said. Raises NotFound."""
        with self._store.begin() as transaction:
            announcement = _find(transaction, number, will_change=True)
            judge(announcement)
            transaction.remove(announcement.id)
            transaction.audit(actor, origin, "announcement.withdraw", str(number), {"title": announcement.title}, now)

    def get(self, number: int) -> Announcement:
        """One of them. Raises NotFound."""
        with self._store.begin() as transaction:
            return _find(transaction, number)

    def list(
        self, since: datetime | None = None, limit: int = 100, before: tuple[datetime, int] | None = None
    ) -> Sequence[Announcement]:
        """Those that are open, or ended or began since then (None: all), the newest first.

        `before` is when one starts, and its number: those that come behind it.
        """
        with self._store.begin() as transaction:
            return transaction.announcements(since, limit, before)


def _find(transaction: AnnouncingTransaction, number: int, *, will_change: bool = False) -> Announcement:
    found = transaction.announcement(number, will_change=will_change)
    if found is None:
        raise NotFound(f"There is no announcement {number}: `healthmgr announce list --all` shows those that exist")
    return found


def _new(wanted: Wanted, actor: str, now: datetime) -> Announcement:
    state = wanted.first_state
    return Announcement(
        id=uuid7(),
        number=0,
        kind=wanted.kind,
        title=wanted.title.strip(),
        impact=wanted.impact,
        groups=wanted.groups,
        starts_at=wanted.starts_at or now,
        ends_at=wanted.ends_at,
        created_at=now,
        created_by=actor,
        state=state,
        closed_at=now if state in CLOSING else None,
        updates=(Update(now, state, wanted.message, actor),),
    )
