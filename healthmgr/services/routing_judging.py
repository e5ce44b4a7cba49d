"""Which alerts of a group may be told now, and what the others wait for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from healthmgr.domain import synthetic
from healthmgr.domain.dependency import JUDGED_AGAIN_AFTER
from healthmgr.domain.incident import Fires, Held, Incident, Member, Suppressed, stand
from healthmgr.domain.muting import Muted
from healthmgr.domain.notification import Hold, Reason
from healthmgr.services.routing_ports import RoutingTransaction

# How often a held alert is looked at again while it waits for a parent's next result.
GLANCE = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Judged:
    """Which open alerts tell nobody now, which of those that were told are muted, and when to look again.

    `answered` are those that somebody acknowledged before they were told.
    """

    waiting: frozenset[UUID]
    muted: frozenset[UUID]
    answered: frozenset[UUID]
    hold: Hold | None


def judge_members(
    transaction: RoutingTransaction,
    members: Sequence[Member],
    incident: Incident | None,
    interval: timedelta,
    now: datetime,
) -> Judged:
    """Judge a group's open alerts; those that are muted or explained are marked so. `interval`: between two looks."""
    told = incident.told.firing if incident and incident.told else frozenset()
    mutes = transaction.mutes(now)
    waiting: set[UUID] = set()
    muted_since: set[UUID] = set()
    answered: set[UUID] = set()
    holds: list[Hold] = []
    for member in members:
        if member.resolved_at is not None:
            continue
        muted = None if member.origin == synthetic.ORIGIN else mutes.judge(member.subject)
        if (muted.reason.value if muted else "") != member.mute_reason:
            transaction.hold_back(member, muted, now)
        if member.id in told:
            if muted is not None:
                muted_since.add(member.id)
            continue
        hold = _wait(transaction, member, muted, interval, now)
        if hold is not None:
            waiting.add(member.id)
            holds.append(hold)
        elif member.is_acknowledged:
            answered.add(member.id)
            if member.acknowledged_until is not None:
                holds.append(Hold(member.acknowledged_until, Reason.ACKNOWLEDGED))
    hold = min(holds, key=lambda h: h.until, default=None)
    return Judged(frozenset(waiting), frozenset(muted_since), frozenset(answered), hold)


def _wait(
    transaction: RoutingTransaction, member: Member, muted: Muted | None, interval: timedelta, now: datetime
) -> Hold | None:
    """What an alert that nobody was told of waits for; None when it is told now."""
    if muted is not None:
        # What is muted is not worth the question what it hangs on: that walks up the graph and locks the root.
        return mute_hold(muted, interval, now)
    match stand(member, transaction.reachability(member, now), now):
        case Suppressed(root_alert_id=root):
            transaction.suppress(member, root, now)
            return Hold(now + JUDGED_AGAIN_AFTER, Reason.UNREACHABLE)
        case Held(until=until, reason=reason):
            return Hold(min(until, now + GLANCE), reason)
        case Fires():
            if member.suppressed_by_id is not None:
                transaction.release(member, now)
    return None


def mute_hold(muted: Muted, interval: timedelta, now: datetime) -> Hold:
    """A mute is judged again at its end, and at every interval until then."""
    look_again_at = now + interval
    return Hold(min(muted.until, look_again_at) if muted.until else look_again_at, muted.reason)
