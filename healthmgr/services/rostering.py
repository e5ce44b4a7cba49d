"""Changing who is on call for a while: overrides, temporary schedules, and swaps that the other person accepts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog
from uuid_utils.compat import uuid7

from healthmgr.definitions.faults import did_you_mean
from healthmgr.domain import swap as swapping
from healthmgr.domain.notice import Notice
from healthmgr.domain.person import Person
from healthmgr.domain.roster import (
    LATEST,
    LONGEST,
    MOST_COMMENT,
    Changed,
    KeptChange,
    KeptOverride,
    KeptSwap,
    KeptTemporary,
    Note,
    Outlook,
    difference,
)
from healthmgr.domain.schedule import Override, Schedule, Temporary
from healthmgr.domain.swap import Stretch, Swap
from healthmgr.errors import Conflict, DefinitionError, NotFound, NotPermitted, Problem
from healthmgr.services import swap_telling
from healthmgr.services.rostering_ports import RosteringStore, RosteringTransaction

log = structlog.get_logger(__name__)

Words = Callable[[KeptSwap, Mapping[str, Person], ZoneInfo, datetime], list[Notice]]


class Answer(StrEnum):
    """What may be said to a swap: the first two by the person it is proposed to, the last by who proposed it."""

    ACCEPT = "accept"
    DECLINE = "decline"
    WITHDRAW = "withdraw"


@dataclass(frozen=True, slots=True)
class Hand:
    """Who changes something, and through which door. `is_bound`: he may change only what is about himself."""

    actor: str
    origin: str
    is_bound: bool = False


class Rostering:
    """What people do about who is on call.

    All raise NotFound for a schedule, person or change that there is not, DefinitionError for what cannot be meant,
    Conflict for what would change nothing or is over, and NotPermitted for what is not about a bound hand himself.
    """

    def __init__(self, store: RosteringStore) -> None:
        self._store = store

    def override(self, schedule: str, wanted: Override, hand: Hand, now: datetime, comment: str = "") -> Changed:
        """Add an override, after those that there are."""
        return self._add(KeptOverride(uuid7(), schedule, wanted, Note(hand.actor, now, comment)), hand, now)

    def replace_for_a_while(
        self, schedule: str, wanted: Temporary, hand: Hand, now: datetime, comment: str = ""
    ) -> Changed:
        """Add a temporary schedule: in its time its shifts hold, and nothing else."""
        return self._add(KeptTemporary(uuid7(), schedule, wanted, Note(hand.actor, now, comment)), hand, now)

    def try_out(self, schedule: str, wanted: Override | Temporary, now: datetime) -> Outlook:
        """Who would be on call in the time of an override or temporary schedule; nothing is stored.

        Raises as adding it would, but for permission, and for what changes nothing.
        """
        note = Note("", now)
        kept: KeptChange
        if isinstance(wanted, Override):
            kept = KeptOverride(uuid7(), schedule, wanted, note)
        else:
            kept = KeptTemporary(uuid7(), schedule, wanted, note)
        _check_times(kept, now)
        begin, end = max(wanted.starts_at, now), wanted.ends_at
        with self._store.begin() as transaction:
            _check_people(transaction, _named(kept))
            before = _schedule(transaction, schedule, begin, end)
        with _within_reason():
            return Outlook(tuple(before.spans(begin, end)), tuple(_with(before, kept).spans(begin, end)))

    def remove(self, change_id: UUID, hand: Hand, now: datetime) -> KeptChange:
        """Take back an override or a temporary schedule; of one that has begun, what is still to come."""
        with self._store.begin() as transaction:
            kept: KeptChange | None = transaction.override(change_id) or transaction.temporary(change_id)
            if kept is None:
                raise NotFound(f"There is no override and no temporary schedule {change_id}.")
            _check_hand(kept, hand)
            ends_at = _times(kept)[1]
            if ends_at <= now:
                raise Conflict("It is over already: what was, stays as it was.")
            transaction.end(kept, now)
            transaction.audit(hand.actor, hand.origin, f"{_action(kept)}_removed", kept.schedule, _detail(kept), now)
        log.info("on_call_change_removed", schedule=kept.schedule, change=str(change_id), actor=hand.actor)
        return kept

    def propose(self, schedule: str, wanted: Swap, hand: Hand, now: datetime, comment: str = "") -> KeptSwap:
        """Propose a swap to the other person; nothing changes before he accepts."""
        kept = KeptSwap(uuid7(), schedule, wanted, Note(hand.actor, now, _checked_comment(comment)))
        if hand.is_bound and wanted.proposed_by != hand.actor:
            raise NotPermitted(f"{hand.actor} can propose swaps of his own shifts alone.")
        with self._store.begin() as transaction:
            _check_people(transaction, [wanted.proposed_by, wanted.proposed_to])
            with _within_reason():
                swapping.propose(wanted, _schedule(transaction, schedule, *_reach(wanted)), now)
            transaction.store_swap(kept)
            _tell(transaction, kept, swap_telling.asked, now)
            transaction.audit(hand.actor, hand.origin, "oncall.swap_proposed", schedule, _swap_detail(kept), now)
        log.info("swap_proposed", schedule=schedule, swap=str(kept.id), actor=hand.actor)
        return kept

    def answer(self, swap_id: UUID, answer: Answer, by: str, hand: Hand, now: datetime) -> KeptSwap:
        """Accept, decline or withdraw a swap, as the person `by`."""
        if hand.is_bound and by != hand.actor:
            raise NotPermitted(f"{hand.actor} cannot answer for {by}.")
        with self._store.begin() as transaction:
            kept = transaction.swap(swap_id)
            if kept is None:
                raise NotFound(f"There is no swap {swap_id}.")
            answered = replace(kept, swap=_moved(transaction, kept, answer, by, now), answered_at=now)
            transaction.store_swap(answered)
            transaction.withdraw_notices(swap_id)
            _tell(transaction, answered, swap_telling.answered, now)
            action = f"oncall.swap_{answered.swap.state.value}"
            transaction.audit(hand.actor, hand.origin, action, kept.schedule, _swap_detail(answered), now)
        log.info("swap_answered", swap=str(swap_id), state=answered.swap.state.value, actor=by)
        return answered

    def tell_of_waiting(self, now: datetime) -> None:
        """Say to both, once, that a swap waits whose shift is near."""
        with self._store.begin() as transaction:
            for kept in transaction.waiting_swaps(now + swap_telling.NEAR):
                if swap_telling.near_at(kept) <= now:
                    transaction.note_near(kept.id, now)
                    _tell(transaction, kept, swap_telling.near, now)
                    log.info("swap_waits_near_its_shift", schedule=kept.schedule, swap=str(kept.id))

    def _add(self, kept: KeptChange, hand: Hand, now: datetime) -> Changed:
        _checked_comment(kept.note.comment)
        _check_hand(kept, hand)
        _check_times(kept, now)
        starts_at, ends_at = _times(kept)
        with self._store.begin() as transaction:
            _check_people(transaction, _named(kept))
            before = _schedule(transaction, kept.schedule, starts_at, ends_at)
            with _within_reason():
                has_changed, unattended = difference(before, _with(before, kept), max(starts_at, now), ends_at)
            if not has_changed:
                raise Conflict(f"This changes nothing: {_who_is(before, kept, now)}.")
            transaction.add(kept)
            transaction.audit(hand.actor, hand.origin, f"{_action(kept)}_added", kept.schedule, _detail(kept), now)
        log.info("on_call_changed", schedule=kept.schedule, change=str(kept.id), actor=hand.actor)
        return Changed(kept, unattended)


def _moved(transaction: RosteringTransaction, kept: KeptSwap, answer: Answer, by: str, now: datetime) -> Swap:
    match answer:
        case Answer.DECLINE:
            return swapping.decline(kept.swap, by)
        case Answer.WITHDRAW:
            return swapping.withdraw(kept.swap, by)
        case Answer.ACCEPT:
            schedule = _schedule(transaction, kept.schedule, *_reach(kept.swap))
            with _within_reason():
                moved, overrides = swapping.accept(kept.swap, schedule, by, now)
            note = Note(by, now, f"swap between {kept.swap.proposed_by} and {kept.swap.proposed_to}")
            for override in overrides:
                transaction.add(KeptOverride(uuid7(), kept.schedule, override, note))
            return moved


def _tell(transaction: RosteringTransaction, kept: KeptSwap, words: Words, now: datetime) -> None:
    people = transaction.contacts_of([kept.swap.proposed_by, kept.swap.proposed_to])
    for notice in words(kept, people, transaction.location(kept.schedule), now):
        transaction.tell(notice, now)


@contextmanager
def _within_reason() -> Iterator[None]:
    """A schedule that changes too often in a time cannot be looked at for all of it."""
    try:
        yield
    except ValueError as error:
        raise DefinitionError([Problem(str(error))]) from error


def _schedule(transaction: RosteringTransaction, name: str, begin: datetime, end: datetime) -> Schedule:
    found = transaction.schedule(name, begin, end)
    if found is None:
        names = transaction.schedule_names()
        raise NotFound(f"There is no schedule {name!r}{did_you_mean(name, names)}")
    return found


def _check_people(transaction: RosteringTransaction, people: Sequence[str]) -> None:
    unknown = [name for name in people if name not in transaction.known(people)]
    if unknown:
        raise NotFound(f"There is nobody called {unknown[0]!r}{did_you_mean(unknown[0], transaction.people())}")


def _check_times(kept: KeptChange, now: datetime) -> None:
    starts_at, ends_at = _times(kept)
    if ends_at <= now or ends_at > LATEST or ends_at - starts_at > LONGEST:
        message = f"has to lie ahead, before {LATEST.year}, at most {LONGEST.days} days after the beginning"
        raise DefinitionError([Problem(message, path="ends_at")])
    shifts = () if isinstance(kept, KeptOverride) else kept.temporary.shifts
    outside = [shift for shift in shifts if shift.starts_at < starts_at or shift.ends_at > ends_at]
    if outside:
        raise DefinitionError([Problem(f"{outside[0].person}'s shift reaches out of its time", path="shifts")])


def _named(kept: KeptChange) -> list[str]:
    if isinstance(kept, KeptTemporary):
        return [shift.person for shift in kept.temporary.shifts]
    return [name for name in (kept.override.add, kept.override.remove) if name]


def _check_hand(kept: KeptChange, hand: Hand) -> None:
    if hand.is_bound and not kept.concerns(hand.actor):
        raise NotPermitted(f"{hand.actor} can change only when he is on call himself; admins change all.")


def _checked_comment(comment: str) -> str:
    if len(comment) > MOST_COMMENT or "\0" in comment:
        raise DefinitionError([Problem(f"write at most {MOST_COMMENT} characters", path="comment")])
    return comment


def _reach(swap: Swap) -> tuple[datetime, datetime]:
    stretches = [swap.given] if swap.taken is None else [swap.given, swap.taken]
    _check_stretches(stretches)
    return min(one.starts_at for one in stretches), max(one.ends_at for one in stretches)


def _check_stretches(stretches: Sequence[Stretch]) -> None:
    if any(one.ends_at > LATEST or one.ends_at - one.starts_at > LONGEST for one in stretches):
        message = f"a swap lies before {LATEST.year} and is at most {LONGEST.days} days long"
        raise DefinitionError([Problem(message, path="given")])


def _with(schedule: Schedule, kept: KeptChange) -> Schedule:
    if isinstance(kept, KeptOverride):
        return replace(schedule, overrides=(*schedule.overrides, kept.override))
    return replace(schedule, temporaries=(*schedule.temporaries, kept.temporary))


def _who_is(schedule: Schedule, kept: KeptChange, now: datetime) -> str:
    starts_at, ends_at = _times(kept)
    spans = schedule.spans(max(starts_at, now), ends_at)
    people = list(dict.fromkeys(person for span in spans for person in span.people))
    has_temporary = any(one.starts_at < ends_at and one.ends_at > starts_at for one in schedule.temporaries)
    hint = "; a temporary schedule holds, over which overrides do nothing" if has_temporary else ""
    return f"{', '.join(people) or 'nobody'} {'are' if len(people) > 1 else 'is'} on call then as it is{hint}"


def _times(kept: KeptChange) -> tuple[datetime, datetime]:
    inner = kept.override if isinstance(kept, KeptOverride) else kept.temporary
    return inner.starts_at, inner.ends_at


def _action(kept: KeptChange) -> str:
    return "oncall.override" if isinstance(kept, KeptOverride) else "oncall.temporary"


def _detail(kept: KeptChange) -> dict[str, Any]:
    inner = kept.override if isinstance(kept, KeptOverride) else kept.temporary
    return {"id": str(kept.id), "comment": kept.note.comment, **inner.to_document()}


def _swap_detail(kept: KeptSwap) -> dict[str, Any]:
    swap = kept.swap
    return {
        "id": str(kept.id),
        "proposed_by": swap.proposed_by,
        "proposed_to": swap.proposed_to,
        "given": str(swap.given),
        "taken": str(swap.taken) if swap.taken else "",
        "state": swap.state.value,
    }
