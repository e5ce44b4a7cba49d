"""The open problem of one fingerprint, and what a change of state does to it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from healthmgr.domain.check import Check, Severity, Status
from healthmgr.domain.state import Change

REOPENS_AFTER = timedelta(hours=1)


class AlertReason(StrEnum):
    """Why an alert was opened, amended, closed or left as it is."""

    HARD_CHANGE = "hard_change"
    STILL_BAD = "still_bad"
    WORSENED = "worsened"
    EASED = "eased"
    FLAPPING_STARTED = "flapping_started"
    FLAPPING_ENDED = "flapping_ended"
    RECOVERED = "recovered"
    FLAPPING = "flapping"
    SOFT = "soft"
    HEALTHY = "healthy"
    UNCHANGED = "unchanged"
    AWAITING_SUCCESSES = "awaiting_successes"
    RESOLVED_BY_PERSON = "resolved_by_person"


@dataclass(frozen=True, slots=True)
class OpenAlert:
    """As much of the open alert as deciding needs."""

    id: UUID
    severity: Severity
    status: Status
    is_flapping: bool


@dataclass(frozen=True, slots=True)
class Open:
    """A new alert is opened and told."""

    severity: Severity
    reason: AlertReason
    is_flapping: bool = False


@dataclass(frozen=True, slots=True)
class Amend:
    """The open alert takes on new facts; `is_told` when people should hear of it."""

    severity: Severity
    reason: AlertReason
    is_told: bool
    is_flapping: bool = False


@dataclass(frozen=True, slots=True)
class Close:
    """The open alert is resolved, and those who were told are told."""

    reason: AlertReason


@dataclass(frozen=True, slots=True)
class Keep:
    """Nothing about alerts changes."""

    reason: AlertReason


AlertDecision = Open | Amend | Close | Keep


def decide(
    change: Change, check: Check, alert: OpenAlert | None, quiet_until: datetime | None, now: datetime
) -> AlertDecision:
    """What this change of state does to the check's alert.

    `quiet_until` is when a manual resolution of the latest alert stops holding (None: there was none). A
    check that is hard bad, or flaps, without an alert opens one whatever came before, so that no alert can get lost.
    """
    if alert is None:
        return _decide_without(change, check, quiet_until, now)
    if change.new.is_flapping:
        return _decide_flapping(change, check, alert)
    if not change.new.status.is_bad:
        return _decide_healthy(change, check, alert)
    if alert.is_flapping:
        severity = check.severity_of(change.new.status)
        return Amend(severity, AlertReason.FLAPPING_ENDED, is_told=True)
    if not change.new.is_hard:
        return Keep(AlertReason.SOFT)
    return _decide_bad(change.new.status, check, alert)


def _decide_without(change: Change, check: Check, quiet_until: datetime | None, now: datetime) -> AlertDecision:
    new = change.new
    is_quiet = quiet_until is not None and now < quiet_until
    if new.is_flapping:
        if change.old.is_flapping and is_quiet:
            return Keep(AlertReason.RESOLVED_BY_PERSON)
        # It may begin to flap with a healthy result: what it flaps away from counts.
        status = new.status if new.status.is_bad else change.old.status
        return Open(check.severity_of(status), AlertReason.FLAPPING_STARTED, is_flapping=True)
    if not new.status.is_bad:
        return Keep(AlertReason.HEALTHY)
    if not new.is_hard:
        return Keep(AlertReason.SOFT)
    if change.is_hard_change:
        return Open(check.severity_of(new.status), AlertReason.HARD_CHANGE)
    if is_quiet:
        return Keep(AlertReason.RESOLVED_BY_PERSON)
    return Open(check.severity_of(new.status), AlertReason.STILL_BAD)


def _decide_flapping(change: Change, check: Check, alert: OpenAlert) -> AlertDecision:
    if not alert.is_flapping:
        severity = alert.severity
        if change.new.status.is_bad and check.severity_of(change.new.status).rank < severity.rank:
            severity = check.severity_of(change.new.status)
        return Amend(severity, AlertReason.FLAPPING_STARTED, is_told=True, is_flapping=True)
    return Keep(AlertReason.FLAPPING)


def _decide_healthy(change: Change, check: Check, alert: OpenAlert) -> AlertDecision:
    if change.new.successes < check.success_threshold:
        return Keep(AlertReason.AWAITING_SUCCESSES)
    return Close(AlertReason.FLAPPING_ENDED if alert.is_flapping else AlertReason.RECOVERED)


def _decide_bad(status: Status, check: Check, alert: OpenAlert) -> AlertDecision:
    if status is alert.status:
        return Keep(AlertReason.UNCHANGED)
    severity = check.severity_of(status)
    if severity.rank < alert.severity.rank or status.badness > alert.status.badness:
        return Amend(severity, AlertReason.WORSENED, is_told=True)
    return Amend(severity, AlertReason.EASED, is_told=False)


def alert_labels(check: Check) -> dict[str, str]:
    """The labels of a check's alert, without its severity: what the alert is about."""
    return check_labels(check.slug, check.service, check.category, check.labels)


def check_labels(slug: str, service: str, category: str, labels: Mapping[str, str]) -> dict[str, str]:
    """The same out of a check's parts: its own labels, and those that every check has."""
    built_in = {"check": slug, "service": service, "category": category}
    return {**labels, **{name: value for name, value in built_in.items() if value}}


def fingerprint(origin: str, labels: Mapping[str, str]) -> str:
    """The identity of a problem: where it was seen and what it is about (hex, 32 characters)."""
    canonical = json.dumps([origin, sorted(labels.items())], ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=16).hexdigest()
