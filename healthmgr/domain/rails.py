"""What a runbook never does: judged when a run is about to start, and again before every step that can do harm.

A refusal says its reason. Some reasons pass by themselves: such a run waits, and is judged again at `until`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from healthmgr.domain.check import Status
from healthmgr.domain.phrasing import absolute
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.runbook import BlastRadius, Runbook

LOOKS_AGAIN_AFTER = timedelta(seconds=15)
# What waited for so long is refused: whoever was to be spared the page has long been paged.
WAITS_AT_MOST = timedelta(hours=1)


class RefusalReason(StrEnum):
    """Why a run does not start, does not yet, or does not go on."""

    AUTOMATION_OFF = "automatic_recovery_is_off"
    KILL_SWITCH = "kill_switch"
    BREAKER_OPEN = "breaker_is_open"
    NOT_WATCHED = "check_is_not_watched"
    HEALED = "healed_by_itself"
    ALERT_CLOSED = "alert_closed_by_a_person"
    FLAPPING = "check_is_flapping"
    UNREACHABLE = "suppressed_by_root_cause"
    PARENT_WAVERS = "waiting_for_parent"
    IN_MAINTENANCE = "in_maintenance"
    IN_DOUBT = "monitor_is_in_doubt"
    UNDER_REPAIR = "target_is_under_repair"
    TOO_MANY_ATTEMPTS = "too_many_attempts_for_the_alert"
    TOO_MANY_IN_WINDOW = "too_many_runs_in_the_window"
    COOL_DOWN = "runbook_cools_down"
    TARGET_COOL_DOWN = "target_cools_down"
    TOO_MANY_AT_ONCE = "too_many_of_the_group_under_repair"
    TOO_FEW_HEALTHY = "too_few_of_the_group_healthy"
    CANARY_NOT_PROVED = "first_repair_of_the_group_not_proved"
    CANARY_FAILED = "first_repair_of_the_group_failed"
    WAITED_TOO_LONG = "waited_too_long"
    INCOMPLETE = "not_all_is_known"


@dataclass(frozen=True, slots=True)
class RecoveryRules:
    """What an installation lets runbooks do: start by themselves, how often for one alert, how long, asking first."""

    is_automation_on: bool = True
    most_attempts: int = 5
    timeout: timedelta = timedelta(minutes=10)
    asks_for_critical: bool = True


@dataclass(frozen=True, slots=True)
class Permit:
    """It may."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """It may not, and why; `until` is when to judge again (None: never)."""

    reason: RefusalReason
    words: str
    until: datetime | None = None


Judgement = Permit | Refuse


@dataclass(frozen=True, slots=True)
class Group:
    """The checks that a blast radius is about, the target among them.

    `under_repair` and `healthy` count others than the target; `is_proved` says that a repair of this group by this
    runbook was proved lately, `has_failed` that the latest one that ended was not.
    """

    size: int = 1
    under_repair: int = 0
    healthy: int = 0
    is_proved: bool = False
    has_failed: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the rails look at, read in the transaction that starts the run.

    `switches` are the scopes whose kill switch is thrown and that hold for this runbook ("" is everything);
    `closed_by` is the person who closed its alert by hand; `started_at` are the starts of this runbook within its
    window, and the ends are those of runs that did something.
    """

    is_automatic: bool = True
    is_automation_on: bool = True
    switches: tuple[str, ...] = ()
    breaker_opened_at: datetime | None = None
    is_watched: bool = True
    status: Status = Status.UNHEALTHY
    closed_by: str = ""
    is_flapping: bool = False
    is_unreachable: bool = False
    is_parent_wavering: bool = False
    maintenance: str = ""
    repaired_by: str = ""
    attempts: int = 0
    started_at: tuple[datetime, ...] = ()
    runbook_ended_at: datetime | None = None
    target_ended_at: datetime | None = None
    group: Group = Group()
    waits_since: datetime | None = None


def judge(runbook: Runbook, facts: Facts, most_attempts: int, now: datetime) -> Judgement:
    """Whether a run may start now: the first rail that is in the way decides."""
    found = next(_in_the_way(runbook, facts, most_attempts, now), None)
    if found is None:
        return Permit()
    waits_since = facts.waits_since
    if found.until is not None and waits_since is not None and now - waits_since >= WAITS_AT_MOST:
        waited = format_duration(WAITS_AT_MOST)
        return Refuse(RefusalReason.WAITED_TOO_LONG, f"it waited {waited}, at last because {found.words}")
    return found


def judge_again(facts: Facts) -> Judgement:
    """Whether a run that is under way may go on with a step that can do harm: what can have changed since its start."""
    return next(_changed(facts), Permit())


def _in_the_way(runbook: Runbook, facts: Facts, most_attempts: int, now: datetime) -> Iterator[Refuse]:
    if facts.is_automatic and not facts.is_automation_on:
        yield Refuse(RefusalReason.AUTOMATION_OFF, "automatic recovery is switched off (ENABLE_AUTO_RECOVERY)")
    yield from _changed(facts)
    if facts.breaker_opened_at is not None:
        since = absolute(facts.breaker_opened_at)
        yield Refuse(RefusalReason.BREAKER_OPEN, f"its breaker is open since {since}, until a person closes it")
    yield from _about_the_monitor(facts, now)
    if facts.repaired_by:
        yield Refuse(RefusalReason.UNDER_REPAIR, f"its target is under repair by {facts.repaired_by}")
    yield from _about_earlier_runs(runbook, facts, most_attempts, now)
    yield from _about_the_group(runbook.rails.blast_radius, facts.group, now)


def _changed(facts: Facts) -> Iterator[Refuse]:
    if facts.switches:
        scope = facts.switches[0]
        whose = f"of {scope.replace(':', ' ')}" if scope else "for all recovery"
        yield Refuse(RefusalReason.KILL_SWITCH, f"the kill switch {whose} is thrown")
    if facts.is_automatic and facts.closed_by:
        yield Refuse(RefusalReason.ALERT_CLOSED, f"{facts.closed_by} closed its alert")
    if facts.maintenance:
        yield Refuse(RefusalReason.IN_MAINTENANCE, f"it is in maintenance ({facts.maintenance})")


def _about_the_monitor(facts: Facts, now: datetime) -> Iterator[Refuse]:
    if not facts.is_watched:
        yield Refuse(RefusalReason.NOT_WATCHED, "its check is paused or disabled: nobody would see what came of it")
    if facts.is_automatic and facts.status is Status.HEALTHY:
        yield Refuse(RefusalReason.HEALED, "it is healthy again")
    if facts.is_flapping:
        yield Refuse(RefusalReason.FLAPPING, "its check is flapping")
    if facts.is_unreachable:
        yield Refuse(RefusalReason.UNREACHABLE, "what it depends on is down")
    if facts.status is Status.UNKNOWN:
        yield Refuse(RefusalReason.IN_DOUBT, "it could not be told whether it is down: the monitor itself is in doubt")
    if facts.is_parent_wavering:
        words = "what it depends on may be down; that is awaited"
        yield Refuse(RefusalReason.PARENT_WAVERS, words, now + timedelta(seconds=2))


def _about_earlier_runs(runbook: Runbook, facts: Facts, most_attempts: int, now: datetime) -> Iterator[Refuse]:
    rails = runbook.rails
    most = rails.max_attempts or most_attempts
    if facts.attempts >= most:
        times = "once" if most == 1 else f"{most} times"
        yield Refuse(RefusalReason.TOO_MANY_ATTEMPTS, f"it was tried {times} for this alert, which is the most")
    recent = sorted(at for at in facts.started_at if at > now - rails.window)
    if rails.most_in_window is not None and len(recent) >= rails.most_in_window:
        until = recent[len(recent) - rails.most_in_window] + rails.window
        words = f"it ran {len(recent)} times within {format_duration(rails.window)}, which is the most"
        yield Refuse(RefusalReason.TOO_MANY_IN_WINDOW, words, until)
    if facts.runbook_ended_at is not None and now < facts.runbook_ended_at + rails.cool_down:
        until = facts.runbook_ended_at + rails.cool_down
        yield Refuse(RefusalReason.COOL_DOWN, f"the runbook cools down until {absolute(until)}", until)
    if facts.target_ended_at is not None and now < facts.target_ended_at + rails.target_cool_down:
        until = facts.target_ended_at + rails.target_cool_down
        yield Refuse(RefusalReason.TARGET_COOL_DOWN, f"its target cools down until {absolute(until)}", until)


def most_at_once(radius: BlastRadius, size: int) -> int | None:
    """How many of a group of this size may be under repair at once; a share is at least one. None: any number."""
    bounds = [radius.most] if radius.most is not None else []
    if radius.most_percent is not None:
        bounds.append(max(1, int(size * radius.most_percent / 100)))
    return min(bounds) if bounds else None


def _about_the_group(radius: BlastRadius, group: Group, now: datetime) -> Iterator[Refuse]:
    later = now + LOOKS_AGAIN_AFTER
    most = most_at_once(radius, group.size)
    if most is not None and group.under_repair >= most:
        words = f"{group.under_repair} of its group of {group.size} are under repair, of {most} at most"
        yield Refuse(RefusalReason.TOO_MANY_AT_ONCE, words, later)
    if group.healthy < radius.keep_healthy:
        words = f"{group.healthy} others of its group are healthy, and {radius.keep_healthy} have to be"
        yield Refuse(RefusalReason.TOO_FEW_HEALTHY, words, later)
    if not radius.is_canary_first or group.is_proved:
        return
    if group.has_failed:
        yield Refuse(RefusalReason.CANARY_FAILED, "the first repair of its group failed")
    if group.under_repair:
        words = "the first repair of its group is not proved yet"
        yield Refuse(RefusalReason.CANARY_NOT_PROVED, words, later)
