"""Maintenance windows for people: planned, ended early, taken back, and what one would keep quiet.

What a file defines is changed there and nowhere else, but for ending the occurrence that is open: work that is done
sooner than planned needs no new definitions.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog

from healthmgr.definitions.models import NAME, NAME_RULE
from healthmgr.domain.hits import Hits, hit_by
from healthmgr.domain.maintenance import Window, from_document
from healthmgr.domain.maintenance_window import MaintenanceWindow
from healthmgr.domain.matcher import Matcher, match_all
from healthmgr.domain.muting import Subject
from healthmgr.domain.notification import Reason
from healthmgr.domain.silence import KEPT_FOR, MOST_COMMENT, matcher_problems, text_problems
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem
from healthmgr.services.judging import Judge, no_demand
from healthmgr.services.silencing import HittingTransaction, foreseen, note_mute

log = structlog.get_logger(__name__)

MANAGED_BY = "api"  # whatever no file defines


@dataclass(frozen=True, slots=True)
class Plan:
    """The window that somebody wants."""

    name: str
    matchers: tuple[Matcher, ...]
    window: Window
    comment: str
    covers_dependents: bool = False


class MaintainingTransaction(HittingTransaction, Protocol):
    """One transaction about maintenance windows; commits when its context ends well."""

    def window(self, name: str, *, will_change: bool = False) -> MaintenanceWindow | None:
        """One window, enabled or not, its row locked where it will be changed."""
        ...

    def windows(self) -> Sequence[MaintenanceWindow]:
        """All that are enabled, by name."""
        ...

    def store(self, window: MaintenanceWindow) -> bool:
        """Write a window; False where another has come into being under its name that is not ours to change."""
        ...

    def delete(self, name: str) -> None:
        """Remove a window."""
        ...

    def covered(self, matchers: Sequence[Matcher]) -> Collection[UUID]:
        """The checks that hang, however far away, on those that the matchers name."""
        ...


class MaintainingStore(Protocol):
    """Where maintenance windows are."""

    def begin(self) -> AbstractContextManager[MaintainingTransaction]:
        """Open a transaction."""
        ...


class Maintaining:
    """What people do with maintenance windows."""

    def __init__(self, store: MaintainingStore) -> None:
        self._store = store

    def add(self, plan: Plan, *, actor: str, origin: str, now: datetime) -> MaintenanceWindow:
        """Plan a window under a name that is free. Raises DefinitionError naming all that is wrong, and Conflict."""
        with self._store.begin() as transaction:
            stored = transaction.window(plan.name, will_change=True)
            if stored is not None and stored.is_enabled:
                raise Conflict(f"There is a maintenance window {plan.name!r} already, of {stored.managed_by}.")
            return _save(transaction, plan, None, "maintenance.created", actor, origin, now)

    def try_out(self, plan: Plan, *, actor: str, now: datetime) -> MaintenanceWindow:
        """The window that adding this one would make; nothing is stored, nor asked whether the name is free."""
        return _to_window(plan, None, actor, now)

    def change(
        self, plan: Plan, *, actor: str, origin: str, now: datetime, judge: Judge[MaintenanceWindow] = no_demand
    ) -> MaintenanceWindow:
        """Plan a window anew; one that was ended early is open again where the new plan says so.

        Raises NotFound, DefinitionError, and Conflict for one that a file defines.
        """
        with self._store.begin() as transaction:
            stored = _find(transaction, plan.name, will_change=True)
            _refuse_files(stored, "change")
            judge(stored)
            return _save(transaction, plan, stored, "maintenance.changed", actor, origin, now)

    def end(self, name: str, *, actor: str, origin: str, now: datetime, comment: str = "") -> MaintenanceWindow:
        """End the occurrence that is open now, whoever defined it: what it held back is told; the next one comes.

        Raises NotFound, and Conflict for a window that is not open.
        """
        with self._store.begin() as transaction:
            stored = _find(transaction, name, will_change=True)
            if stored.open_at(now) is None:
                following = stored.next_after(now)
                when = f"it opens at {following.starts_at:%Y-%m-%d %H:%M} UTC" if following else "it never opens again"
                raise Conflict(f"The maintenance window {name!r} is not open now; {when}.")
            ended = replace(stored, ended_at=now, updated_at=now)
            _store(transaction, ended)
            _settle(transaction, stored, ended, actor, now)
            transaction.audit(actor, origin, "maintenance.ended", name, {"comment": comment}, now)
        log.info("maintenance_ended", window=name, actor=actor)
        return ended

    def delete(
        self, name: str, *, actor: str, origin: str, now: datetime, judge: Judge[MaintenanceWindow] = no_demand
    ) -> None:
        """Take a window back; if it is open, what it held back is told. Raises NotFound, and Conflict for a file's."""
        with self._store.begin() as transaction:
            stored = _find(transaction, name, will_change=True)
            _refuse_files(stored, "delete")
            judge(stored)
            transaction.delete(name)
            _settle(transaction, stored, None, actor, now)
            transaction.audit(actor, origin, "maintenance.deleted", name, _detail(stored), now)
        log.info("maintenance_deleted", window=name, actor=actor)

    def get(self, name: str) -> MaintenanceWindow:
        """One window. Raises NotFound."""
        with self._store.begin() as transaction:
            return _find(transaction, name)

    def list(self) -> Sequence[MaintenanceWindow]:
        """All windows, of files and of people, by name."""
        with self._store.begin() as transaction:
            return transaction.windows()

    def hits(self, window: MaintenanceWindow) -> Hits:
        """The open alerts that a window is for, whether it is open or not."""
        with self._store.begin() as transaction:
            return _hits(transaction, window.matchers, window.covers_dependents)

    def preview(self, matchers: Sequence[Matcher], *, covers_dependents: bool = False) -> Hits:
        """What a window with these matchers would hold back now. Raises DefinitionError for those it cannot have."""
        problems = list(matcher_problems(matchers))
        if problems:
            raise DefinitionError(problems)
        with self._store.begin() as transaction:
            return foreseen(transaction, _hitting(transaction, matchers, covers_dependents))

    def forget_over(self, now: datetime) -> int:
        """Remove windows of people that have been over for longer than they are kept; how many there were."""
        before = now - KEPT_FOR
        with self._store.begin() as transaction:
            over = [
                window.name
                for window in transaction.windows()
                if window.managed_by == MANAGED_BY
                and window.open_at(before) is None
                and window.next_after(before) is None
            ]
            for name in over:
                transaction.delete(name)
        if over:
            log.info("maintenance_forgotten", windows=over)
        return len(over)


def read_window(document: Mapping[str, Any]) -> Window:
    """When a window is open, as it is written in definitions. Raises DefinitionError."""
    try:
        return from_document(document)
    except ValueError as error:
        raise DefinitionError([Problem(str(error), path="window")]) from error


def _save(
    transaction: MaintainingTransaction,
    plan: Plan,
    stored: MaintenanceWindow | None,
    action: str,
    actor: str,
    origin: str,
    now: datetime,
) -> MaintenanceWindow:
    wanted = _to_window(plan, stored, actor, now)
    _store(transaction, wanted)
    _settle(transaction, stored, wanted, actor, now)
    transaction.audit(actor, origin, action, plan.name, _detail(wanted), now)
    log.info("maintenance_planned", window=plan.name, actor=actor)
    return wanted


def _to_window(plan: Plan, stored: MaintenanceWindow | None, actor: str, now: datetime) -> MaintenanceWindow:
    """A window as planned. Raises DefinitionError naming all that is wrong."""
    wanted = MaintenanceWindow(
        name=plan.name,
        matchers=plan.matchers,
        window=plan.window,
        covers_dependents=plan.covers_dependents,
        comment=plan.comment.strip(),
        created_by=stored.created_by if stored else actor,
        managed_by=MANAGED_BY,
        is_enabled=True,
        updated_at=now,
    )
    problems = list(_problems(wanted, now))
    if problems:
        raise DefinitionError(problems)
    return wanted


def _store(transaction: MaintainingTransaction, window: MaintenanceWindow) -> None:
    if not transaction.store(window):
        raise Conflict(f"There is a maintenance window {window.name!r} by now.")


def _problems(wanted: MaintenanceWindow, now: datetime) -> Iterator[Problem]:
    if not NAME.fullmatch(wanted.name):
        yield Problem(f"{wanted.name!r} {NAME_RULE}", path="name")
    yield from matcher_problems(wanted.matchers)
    yield from text_problems("comment", wanted.comment, MOST_COMMENT, "why, for those who wonder about the quiet")
    if wanted.open_at(now) is None and wanted.next_after(now) is None:
        yield Problem("it is over before it begins: write one that is still to come", path="window")


def _find(transaction: MaintainingTransaction, name: str, *, will_change: bool = False) -> MaintenanceWindow:
    found = transaction.window(name, will_change=will_change)
    if found is None or not found.is_enabled:
        raise NotFound(f"There is no maintenance window {name!r}: `healthmgr maintenance list` shows them.")
    return found


def _refuse_files(stored: MaintenanceWindow, verb: str) -> None:
    if stored.managed_by != MANAGED_BY:
        raise Conflict(
            f"The maintenance window {stored.name!r} is defined by {stored.managed_by}: {verb} it there and apply "
            f"that; `healthmgr maintenance end {stored.name}` ends the present occurrence."
        )


def _settle(
    transaction: MaintainingTransaction,
    before: MaintenanceWindow | None,
    after: MaintenanceWindow | None,
    actor: str,
    now: datetime,
) -> None:
    """Have what is held back judged again, and the timelines told what the change means for them."""
    transaction.reconsider(now)
    was, now_hit = _hits_at(transaction, before, now), _hits_at(transaction, after, now)
    shown = after or before
    if shown is not None:
        occurrence = shown.open_at(now)
        until = occurrence.ends_at.isoformat() if occurrence and after else None
        detail = {"window": shown.name, "until": until, "comment": shown.comment}
        note_mute(transaction, was, now_hit, Reason.IN_MAINTENANCE, actor, detail, now)


def _hits_at(transaction: MaintainingTransaction, window: MaintenanceWindow | None, now: datetime) -> Hits:
    if window is None or window.open_at(now) is None:
        return Hits()
    return _hits(transaction, window.matchers, window.covers_dependents)


def _hits(transaction: MaintainingTransaction, matchers: Sequence[Matcher], covers_dependents: bool) -> Hits:
    return hit_by(_hitting(transaction, matchers, covers_dependents), transaction.open_alerts())


def _hitting(
    transaction: MaintainingTransaction, matchers: Sequence[Matcher], covers_dependents: bool
) -> Callable[[Subject], bool]:
    covered = transaction.covered(matchers) if covers_dependents else ()

    def is_hit(subject: Subject) -> bool:
        return subject.check_id in covered or match_all(matchers, subject.labels)

    return is_hit


def _detail(window: MaintenanceWindow) -> dict[str, Any]:
    return {
        "matchers": [str(matcher) for matcher in window.matchers],
        "window": window.window.to_document(),
        "covers_dependents": window.covers_dependents,
        "comment": window.comment,
    }
