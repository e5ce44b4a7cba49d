"""How new and changed checks are written: when each is due next, and whether it begins anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from uuid_utils.compat import uuid7

from healthmgr.definitions.definition import CheckDefinition, Stored
from healthmgr.domain.check import next_slot, stable_phase
from healthmgr.domain.result import Cause
from healthmgr.services.defining_ports import CheckChange, ScheduleChange

# Checks that begin together are spread so that ten thousand make no herd: a small fleet keeps up with 400 a second.
_BEGIN_WITHIN = timedelta(seconds=2)
_BEGIN_A_SECOND = 400
_PROBED = ("kind", "config", "timeout", "thresholds", "max_attempts", "severity", "degraded_severity")


def plan_checks(
    checks: Sequence[CheckDefinition], stored: Mapping[str, Stored[CheckDefinition]], now: datetime
) -> list[CheckChange]:
    """How each of these is written."""
    within = _begin_within(len(checks))
    return [plan_check(check, stored.get(check.slug), within, now) for check in checks]


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
