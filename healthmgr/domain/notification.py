"""Whether a group is told something now, and how a notification goes on after an attempt.

The order of `decide` is Alertmanager's (notify/notify.go, DedupStage), with the rise of a severity and
flapping added; repeats are rounds of the escalation and decided there. News of a group that was told before waits
for the end of its interval; what may not wait is a problem that grew worse, and that everything is over.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import MessageKind


class Reason(StrEnum):
    """Why a group was told, held or left alone; also why a notification was superseded or failed."""

    FIRST = "first_notification"
    REOPENED = "broken_again"
    NEW_ALERTS = "new_alerts_in_group"
    SEVERITY_ROSE = "severity_rose"
    WORSENED = "worsened"
    FLAPPING_STARTED = "flapping_started"
    FLAPPING_ENDED = "flapping_ended"
    SOME_RESOLVED = "some_resolved"
    ALL_RESOLVED = "all_resolved"
    REPEAT = "repeat_interval_passed"
    ESCALATED = "nobody_answered_the_level_before"
    FIRST_LEVEL_WAITS = "first_level_is_not_due"
    FIRST_LEVEL_DUE = "first_level_is_due"
    ESCALATED_BY_HAND = "escalated_by_a_person"
    DECLINED = "everybody_at_the_level_declined"
    ASKED = "asked_by_name"
    ASSIGNED = "assigned"
    HANDED_OVER = "handed_over"
    ROLE_GIVEN = "role_given"
    STATUS_UPDATE = "status_update"
    RECOVERY_FAILED = "recovery_failed"
    APPROVAL_ASKED = "approval_asked"
    TOLD_BY_RUNBOOK = "told_by_runbook"
    SWAP_ASKED = "asked_to_swap_shifts"
    SWAP_ANSWERED = "a_swap_of_shifts_was_answered"
    SWAP_NEAR = "a_swap_waits_and_its_shift_is_near"
    TOLD_ELSEWHERE = "told_over_another_contact"
    MERGED = "merged_into_another_incident"
    FALLBACK = "earlier_channel_failed"
    NOBODY_REACHED = "nobody_was_reached"
    NOTHING_TOLD = "nothing_was_told"
    UNCHANGED = "nothing_new"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_LAPSED = "acknowledgement_lapsed"
    UNACKNOWLEDGED = "acknowledgement_withdrawn"
    SNOOZED = "snoozed"
    SNOOZE_ENDED = "snooze_ended"
    RESOLVED = "resolved"
    SILENCED = "silenced"
    IN_MAINTENANCE = "in_maintenance"
    INHIBITED = "inhibited_by_another_alert"
    OUTSIDE_HOURS = "outside_the_hours_of_its_route"
    GROUP_INTERVAL = "group_interval_not_over"
    BUNDLED = "too_many_messages"
    DIGEST = "told_in_a_digest"
    ALERTING_OFF = "alerting_is_switched_off"
    UNREACHABLE = "suppressed_by_root_cause"
    PARENT_WAVERS = "waiting_for_parent"
    ROOT_JUST_RESOLVED = "waiting_for_fresh_result"
    TOO_EARLY = "not_due"
    NOT_MINE = "token_moved_on"
    WAITS_ITS_TURN = "earlier_message_unfinished"
    REFUSED = "refused_for_good"
    GAVE_UP = "tried_too_long"


@dataclass(frozen=True, slots=True)
class Send:
    """Tell people now."""

    reason: Reason
    kind: MessageKind


@dataclass(frozen=True, slots=True)
class Hold:
    """Judge again at `until`."""

    until: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Drop:
    """Tell nothing."""

    reason: Reason


Decision = Send | Hold | Drop


@dataclass(frozen=True, slots=True)
class Told:
    """What the last notification of an incident said: which alerts fired, in which status, and how bad it was."""

    firing: frozenset[UUID]
    flapping: frozenset[UUID]
    severity: Severity
    statuses: Mapping[UUID, Status] = field(default_factory=dict)

    def to_document(self) -> dict[str, Any]:
        """As JSON-ready values."""
        return {
            "firing": sorted(str(i) for i in self.firing),
            "flapping": sorted(str(i) for i in self.flapping),
            "severity": self.severity.value,
            "statuses": {str(i): status.value for i, status in sorted(self.statuses.items())},
        }

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Told:
        """From what `to_document` gave."""
        return cls(
            firing=frozenset(UUID(i) for i in document["firing"]),
            flapping=frozenset(UUID(i) for i in document["flapping"]),
            severity=Severity(document["severity"]),
            statuses={UUID(i): Status(status) for i, status in document["statuses"].items()},
        )


@dataclass(frozen=True, slots=True)
class Group:
    """The group as it stands: `severity` is the worst of the alerts that fire and may be told, None when none does.

    An alert that was told and is muted since still fires; its flapping, status and severity are no news.
    """

    firing: Set[UUID]
    flapping: Set[UUID]
    resolved: Set[UUID]
    acknowledged: Set[UUID]
    severity: Severity | None
    statuses: Mapping[UUID, Status] = field(default_factory=dict)
    muted: Set[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Pace:
    """When news of a group that was told before may be told; `told_at` is None for one that was not."""

    told_at: datetime | None = None
    interval: timedelta = timedelta(0)


def decide(group: Group, told: Told | None, is_acknowledged: bool, pace: Pace, now: datetime) -> Decision:
    """Whether this group is told something now."""
    decision = _decide(group, told, is_acknowledged)
    if not isinstance(decision, Send) or decision.reason not in _WAITS_FOR_INTERVAL or pace.told_at is None:
        return decision
    if _is_worse(group, told):
        return decision
    may_at = pace.told_at + pace.interval
    return Hold(may_at, Reason.GROUP_INTERVAL) if now < may_at else decision


def _decide(group: Group, told: Told | None, is_acknowledged: bool) -> Send | Drop:
    if told is None and not group.firing:
        return Drop(Reason.NOTHING_TOLD)
    fresh = group.firing - (told.firing if told else frozenset())
    # With the others, somebody was quicker than the first notification.
    unanswered = fresh - group.acknowledged
    if told is None:
        return Send(Reason.FIRST, MessageKind.PROBLEM) if unanswered else Drop(Reason.ACKNOWLEDGED)
    if unanswered:
        return Send(Reason.NEW_ALERTS if told.firing else Reason.REOPENED, MessageKind.PROBLEM)
    if not group.firing:
        return Send(Reason.ALL_RESOLVED, MessageKind.RESOLUTION) if told.firing else Drop(Reason.UNCHANGED)
    if _is_worse(group, told):
        return Send(Reason.SEVERITY_ROSE, MessageKind.PROBLEM)
    trouble = _new_trouble(group, told)
    if trouble is not None and not is_acknowledged:
        return Send(trouble, MessageKind.PROBLEM)
    if (told.flapping & group.firing) - group.flapping - group.muted:
        return Send(Reason.FLAPPING_ENDED, MessageKind.UPDATE)
    if told.firing & group.resolved:
        return Send(Reason.SOME_RESOLVED, MessageKind.UPDATE)
    return Drop(Reason.UNCHANGED if trouble is None and not fresh else Reason.ACKNOWLEDGED)


def _is_worse(group: Group, told: Told | None) -> bool:
    return told is not None and group.severity is not None and group.severity.rank < told.severity.rank


def _new_trouble(group: Group, told: Told) -> Reason | None:
    """What became worse of alerts that were told before, at the same severity."""
    known = ((status, told.statuses[alert]) for alert, status in group.statuses.items() if alert in told.statuses)
    if any(now.badness > before.badness for now, before in known):
        return Reason.WORSENED
    return Reason.FLAPPING_STARTED if group.flapping - told.flapping else None


STARTS_EPISODE = frozenset({Reason.FIRST, Reason.REOPENED, Reason.NEW_ALERTS, Reason.SEVERITY_ROSE})
MUTES = frozenset({Reason.SILENCED, Reason.IN_MAINTENANCE, Reason.INHIBITED, Reason.OUTSIDE_HOURS, Reason.SNOOZED})
_WAITS_FOR_INTERVAL = frozenset({Reason.NEW_ALERTS, Reason.SOME_RESOLVED, Reason.FLAPPING_ENDED})

# ---- After an attempt ------------------------------------------------------------------------------

SEND_TIMEOUT = timedelta(seconds=15)
SEND_LEASE = timedelta(seconds=45)
FALLS_BACK_AT_ATTEMPT = 4
GIVES_UP_AFTER = timedelta(hours=24)
NOBODY_REACHED_AGAIN_AFTER = timedelta(minutes=5)

_BACKOFF = tuple(timedelta(seconds=s) for s in (5, 15, 30, 60, 120, 300))


@dataclass(frozen=True, slots=True)
class Sent:
    """The provider has accepted it."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Try again at `at`; `falls_back` asks that the fallback be told beside it, for this has taken long.

    `is_ambiguous`: the message may have arrived all the same, and the next attempt may double it.
    """

    at: datetime
    falls_back: bool
    is_ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Fail:
    """No further attempt on this channel; the message may have arrived all the same where it `is_ambiguous`."""

    reason: Reason
    is_ambiguous: bool = False


AfterAttempt = Sent | Retry | Fail


def after_failure(
    *, attempts: int, created_at: datetime, is_permanent: bool, retry_after: timedelta | None, now: datetime
) -> Retry | Fail:
    """What follows a failed attempt: `attempts` counts it.

    A provider's own wish is never undercut; where it asks for more than our own longest pause, the fallback is
    told beside it at once.
    """
    if is_permanent:
        return Fail(Reason.REFUSED)
    if now - created_at >= GIVES_UP_AFTER:
        return Fail(Reason.GAVE_UP)
    pause = _BACKOFF[min(attempts, len(_BACKOFF)) - 1]
    wait = max(pause, retry_after or pause)
    is_too_long = attempts < FALLS_BACK_AT_ATTEMPT and wait > _BACKOFF[-1]
    return Retry(at=now + wait, falls_back=is_too_long or attempts == FALLS_BACK_AT_ATTEMPT)
