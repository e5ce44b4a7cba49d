"""Silences for people: wanted, changed, ended early, looked for, and what one would keep quiet.

Whatever is held back is judged again in the commit of each change, so that a silence holds, and ends, at once. The
timelines of the incidents that it hits tell of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import structlog
from uuid_utils.compat import uuid7

from healthmgr.domain.hits import Hits, OpenAlert, hit_by
from healthmgr.domain.matcher import Matcher, match_all
from healthmgr.domain.muting import Subject
from healthmgr.domain.notification import Reason
from healthmgr.domain.silence import (
    KEPT_FOR,
    Draft,
    Silence,
    SilenceState,
    decide,
    for_incident,
    matcher_problems,
    mentions,
    order,
)
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem
from healthmgr.services.judging import Judge, no_demand
from healthmgr.services.routing_ports import NotesTimeline

log = structlog.get_logger(__name__)

ANY_STATE = tuple(SilenceState)
MOST_NAMED = 20  # alerts by their names, in an entry of a timeline


@dataclass(frozen=True, slots=True)
class Grouped:
    """An incident as far as a silence of it needs it: its number, and the labels that it is grouped by."""

    number: int
    labels: dict[str, str]
    is_resolved: bool


class HittingTransaction(NotesTimeline, Protocol):
    """A transaction in which what mutes is changed, and which knows what it hits."""

    def open_alerts(self) -> Sequence[OpenAlert]:
        """All open alerts, oldest first."""
        ...

    def checks(self) -> Mapping[str, Subject]:
        """The alert that each check that is watched would have, by its slug."""
        ...

    def waiting(self, alert_ids: Collection[UUID]) -> int:
        """How many notifications that nobody has begun to send tell of problems of these alerts alone."""
        ...

    def reconsider(self, now: datetime) -> None:
        """Have all that a mute holds back judged again."""
        ...

    def audit(self, actor: str, origin: str, action: str, target: str, detail: dict[str, Any], now: datetime) -> None:
        """Write who did what."""
        ...


class SilencingTransaction(HittingTransaction, Protocol):
    """One transaction about silences; commits when its context ends well."""

    def silence(self, silence_id: UUID, *, will_change: bool = False) -> Silence | None:
        """One silence, its row locked where it will be changed."""
        ...

    def silences(self) -> Sequence[Silence]:
        """All that are kept."""
        ...

    def store(self, silence: Silence) -> None:
        """Write a silence, new or changed."""
        ...

    def forget(self, before: datetime) -> int:
        """Remove those that ended before this instant; how many there were."""
        ...

    def incident(self, incident_id: UUID) -> Grouped | None:
        """An incident, open or not."""
        ...


class SilencingStore(Protocol):
    """Where silences are."""

    def begin(self) -> AbstractContextManager[SilencingTransaction]:
        """Open a transaction."""
        ...


class Silencing:
    """What people do with silences."""

    def __init__(self, store: SilencingStore) -> None:
        self._store = store

    def save(
        self, draft: Draft, *, actor: str, origin: str, now: datetime, judge: Judge[Silence] = no_demand
    ) -> Silence:
        """Create the silence, or change the one with the draft's id; where that mutes something else than before, it is
        over and a new one takes its place, as it does for one that is over: the id tells.

        `judge` is asked of the one that is changed. Raises DefinitionError naming all that is wrong, NotFound for an id
        that there is not.
        """
        with self._store.begin() as transaction:
            return self._save(transaction, draft, actor, origin, now, judge)

    def try_out(self, draft: Draft, now: datetime) -> Silence:
        """The silence that saving this one would make; nothing is stored. Raises as `save` does."""
        with self._store.begin() as transaction:
            stored = _find(transaction, draft.id) if draft.id is not None else None
            return decide(draft, stored, uuid7(), now).silence

    def expire(
        self, silence_id: UUID, *, actor: str, origin: str, now: datetime, judge: Judge[Silence] = no_demand
    ) -> Silence:
        """End a silence now, or before it began: what it held back is told.

        Raises NotFound, and Conflict for one that is over.
        """
        with self._store.begin() as transaction:
            stored = _find(transaction, silence_id, will_change=True)
            judge(stored)
            over = stored.expired(now)
            transaction.store(over)
            transaction.reconsider(now)
            _note_change(transaction, stored, over, actor, now)
            transaction.audit(actor, origin, "silence.expired", str(silence_id), _detail(over), now)
        log.info("silence_expired", silence=str(silence_id), actor=actor)
        return over

    def get(self, silence_id: UUID) -> Silence:
        """One silence; those that are over are kept for some days. Raises NotFound."""
        with self._store.begin() as transaction:
            return _find(transaction, silence_id)

    def find(
        self, now: datetime, *, states: Collection[SilenceState] = ANY_STATE, matchers: Sequence[Matcher] = ()
    ) -> list[Silence]:
        """Silences in these states whose own matchers meet these demands: what holds first, then what is to come."""
        with self._store.begin() as transaction:
            found = transaction.silences()
        return order([one for one in found if one.state(now) in states and mentions(one, matchers)], now)

    def preview(self, matchers: Sequence[Matcher]) -> Hits:
        """What these matchers hit now. Raises DefinitionError for those that a silence cannot have."""
        problems = list(matcher_problems(matchers))
        if problems:
            raise DefinitionError(problems)
        with self._store.begin() as transaction:
            return foreseen(transaction, lambda subject: match_all(matchers, subject.labels))

    def silence_incident(
        self, incident_id: UUID, *, until: datetime, actor: str, origin: str, now: datetime, comment: str = ""
    ) -> Silence:
        """Keep an incident quiet, with all that joins it, until then; something worse than it is now is told.

        Wanted twice, it is one silence that ends at the later end. Raises NotFound; Conflict for an incident that is
        resolved or whose alerts have nothing in common; DefinitionError for an end in the past.
        """
        if until <= now:
            raise DefinitionError([Problem("a silence cannot end in the past", path="until")])
        with self._store.begin() as transaction:
            incident = transaction.incident(incident_id)
            if incident is None:
                raise NotFound(f"There is no incident {incident_id}.")
            if incident.is_resolved:
                raise Conflict(f"Incident #{incident.number} is resolved already.")
            members = [alert for alert in transaction.open_alerts() if alert.incident_id == incident_id]
            told = [alert.subject.labels for alert in members if not alert.is_suppressed]
            matchers = for_incident(incident.number, incident.labels, told)
            draft = Draft(matchers, until, actor, comment or f"Incident #{incident.number}")
            same = _same(transaction.silences(), matchers, now)
            if same is not None:
                draft = replace(draft, id=same.id, ends_at=max(until, same.ends_at))
            return self._save(transaction, draft, actor, origin, now)

    def forget_expired(self, now: datetime) -> int:
        """Remove what has been over for longer than it is kept; how many there were."""
        with self._store.begin() as transaction:
            count = transaction.forget(now - KEPT_FOR)
        if count:
            log.info("silences_forgotten", count=count)
        return count

    def _save(
        self,
        transaction: SilencingTransaction,
        draft: Draft,
        actor: str,
        origin: str,
        now: datetime,
        judge: Judge[Silence] = no_demand,
    ) -> Silence:
        stored = _find(transaction, draft.id, will_change=True) if draft.id is not None else None
        if stored is not None:
            judge(stored)
        saving = decide(draft, stored, uuid7(), now)
        if saving.over is not None:
            transaction.store(saving.over)
        transaction.store(saving.silence)
        transaction.reconsider(now)
        _note_change(transaction, stored, saving.silence, actor, now)
        detail = _detail(saving.silence)
        if draft.id not in (None, saving.silence.id):
            detail["instead_of"] = str(draft.id)
        transaction.audit(actor, origin, f"silence.{saving.verdict}", str(saving.silence.id), detail, now)
        log.info("silence_saved", silence=str(saving.silence.id), verdict=saving.verdict.value, actor=actor)
        return saving.silence


def _find(transaction: SilencingTransaction, silence_id: UUID, *, will_change: bool = False) -> Silence:
    found = transaction.silence(silence_id, will_change=will_change)
    if found is None:
        raise NotFound(f"There is no silence {silence_id}: `healthmgr silence list --all` shows what is kept.")
    return found


def _same(silences: Sequence[Silence], matchers: Sequence[Matcher], now: datetime) -> Silence | None:
    """One that holds and mutes just this; of several, the last to end."""
    same = [s for s in silences if s.state(now) is SilenceState.ACTIVE and set(s.matchers) == set(matchers)]
    return max(same, key=lambda silence: silence.ends_at, default=None)


def foreseen(transaction: HittingTransaction, is_hit: Callable[[Subject], bool]) -> Hits:
    """What a mute would hit now, what waits to be sent of it, and the checks that it is for."""
    hits = hit_by(is_hit, transaction.open_alerts())
    waiting = transaction.waiting([alert.id for alert in hits.alerts])
    checks = tuple(slug for slug, subject in transaction.checks().items() if is_hit(subject))
    return replace(hits, notifications=waiting, checks=checks)


def _hits(transaction: HittingTransaction, matchers: Sequence[Matcher]) -> Hits:
    def is_hit(subject: Subject) -> bool:
        return match_all(matchers, subject.labels)

    return hit_by(is_hit, transaction.open_alerts())


def _note_change(
    transaction: SilencingTransaction, before: Silence | None, after: Silence, actor: str, now: datetime
) -> None:
    was = _hits(transaction, before.matchers) if before and before.state(now) is SilenceState.ACTIVE else Hits()
    now_hit = _hits(transaction, after.matchers) if after.state(now) is SilenceState.ACTIVE else Hits()
    detail = {"silence": str(after.id), "until": after.ends_at.isoformat(), "comment": after.comment}
    note_mute(transaction, was, now_hit, Reason.SILENCED, actor, detail, now)


def note_mute(
    transaction: HittingTransaction,
    was: Hits,
    now_hit: Hits,
    reason: Reason,
    actor: str,
    detail: dict[str, Any],
    now: datetime,
) -> None:
    """Tell the timelines what a mute holds back from now on, and what not any more."""
    still = {incident.id for incident in now_hit.incidents}
    for kind, incidents in ((EntryKind.MUTED, now_hit.incidents), (EntryKind.UNMUTED, was.incidents)):
        for incident in incidents:
            if kind is EntryKind.MUTED or incident.id not in still:
                facts = detail | {"alerts": list(incident.alerts[:MOST_NAMED]), "count": len(incident.alerts)}
                transaction.note(incident.id, Entry(kind, reason.value, actor, facts), now)


def _detail(silence: Silence) -> dict[str, Any]:
    return {
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_at": silence.starts_at.isoformat(),
        "ends_at": silence.ends_at.isoformat(),
        "comment": silence.comment,
        "created_by": silence.created_by,
    }
