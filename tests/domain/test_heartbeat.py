"""What pings mean: told as minutes since a job began to be watched, `12:start@a` being a start of run a at 12."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from healthmgr.domain.calendar import Calendar, Cron, Every, Schedule, zone
from healthmgr.domain.heartbeat import Heartbeat, Phase, Ping, Verdict, judge, take

ARMED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
GRACE = timedelta(minutes=10)
HOURLY = Every(timedelta(hours=1))


def minute(number: float) -> datetime:
    return ARMED + timedelta(minutes=number)


def to_ping(text: str) -> Ping:
    """ "5:fail@a" as a failure of run a, five minutes in."""
    at, _, rest = text.partition(":")
    kind, _, run = rest.partition("@")
    return Ping(kind, minute(float(at)), run_id=UUID(int=ord(run)) if run else None)


def heard(pings: str, *, judged_after: bool = True) -> Heartbeat:
    """What is known after these pings; with `judged_after`, a probe has judged each before the next one."""
    known = Heartbeat(ARMED)
    for text in pings.split():
        known = take(known, to_ping(text))
        if judged_after:
            known = replace(known, is_failure_news=False)
    return known


def stands(known: Heartbeat, at: float, schedule: Schedule = HOURLY) -> Verdict:
    return judge(known, schedule, GRACE, minute(at))


@pytest.mark.parametrize(
    ("pings", "at", "phase"),
    [
        # never heard of: waited for from the time it was set up
        ("", 0, "new"),
        ("", 59, "new"),
        ("", 60, "new"),
        ("", 69.9, "new"),
        ("", 70, "down"),
        # success: up for a period, late for the grace, down after it
        ("5:success", 5, "up"),
        ("5:success", 64.9, "up"),
        ("5:success", 65, "late"),
        ("5:success", 74.9, "late"),
        ("5:success", 75, "down"),
        ("5:success 80:success", 80, "up"),
        ("5:success 80:success", 139.9, "up"),
        ("75:success", 75, "up"),
        ("5:success 6:success", 65.5, "up"),
        ("5:0", 64, "up"),
        ("5:0", 75, "down"),
        # a failure is down at once and stays so until a success
        ("5:fail", 5, "down"),
        ("5:1", 5, "down"),
        ("5:255", 5, "down"),
        ("5:success 6:fail", 6, "down"),
        ("5:fail 6:success", 6, "up"),
        ("5:fail 6:0", 6, "up"),
        ("5:3 6:success 7:4", 7, "down"),
        ("5:fail", 500, "down"),
        ("5:fail 6:start", 7, "down"),
        ("5:fail 6:start 8:success", 8, "up"),
        ("5:fail 5:success", 5, "up"),
        ("5:success 5:fail", 5, "down"),
        # a start arms its grace, also before any success
        ("5:start", 5, "up"),
        ("5:start", 14.9, "up"),
        ("5:start", 15, "down"),
        ("5:start 14:success", 15, "up"),
        ("5:start 20:success", 20, "up"),
        ("5:start 14:1", 14, "down"),
        ("5:success 30:start", 39.9, "up"),
        ("5:success 30:start", 40, "down"),
        ("5:start 12:start", 15, "up"),
        ("5:start 12:start", 22, "down"),
        # ... and does not make good what is overdue
        ("5:success 70:start", 74, "up"),
        ("5:success 70:start", 75, "down"),
        ("5:success 76:start", 77, "down"),
        ("68:start", 69, "up"),
        ("68:start", 70, "down"),
        # an end of another run leaves the run open
        ("5:start@a 6:success@a", 15, "up"),
        ("5:start@a 6:success@b", 14.9, "up"),
        ("5:start@a 6:success@b", 15, "down"),
        ("5:start@a 6:success", 15, "up"),
        ("5:start 6:success@b", 15, "down"),
        ("5:start 6:success", 15, "up"),
        ("5:start@a 6:fail@b", 6, "down"),
        ("5:start@a 6:fail@b 7:success@c", 7, "up"),
        ("5:start@a 6:fail@b 7:success@c", 15, "down"),
        ("5:start@a 6:0@a 7:start@b", 16.9, "up"),
        ("5:start@a 6:0@a 7:start@b", 17, "down"),
        ("5:start@a 6:start@b 7:success@a", 16, "down"),
        ("5:start@a 6:start@b 7:success@b", 16, "up"),
        ("5:start@a 16:success@b 17:success@a", 18, "up"),
    ],
)
def test_a_job_stands_as_its_pings_say(pings: str, at: float, phase: str) -> None:
    assert stands(heard(pings), at).phase == phase


@pytest.mark.parametrize(
    ("pings", "minutes"),
    [
        ("5:start 8:success", 3),
        ("5:start@a 8:success@a", 3),
        ("5:start@a 8:2@a", 3),
        ("5:start@a 8:success", None),
        ("5:start@a 8:success@b", None),
        ("5:start@a 7:success@b 9:success@a", 4),
        ("5:start 8:success 9:success", 3),
        ("5:start 8:success 10:start 11:fail", 1),
        ("5:start 6:start 8:success", 2),
        ("8:success", None),
    ],
)
def test_a_run_is_timed_where_start_and_end_belong_together(pings: str, minutes: float | None) -> None:
    expected = None if minutes is None else timedelta(minutes=minutes)
    assert heard(pings).run_time == expected


def test_a_failure_that_was_made_good_before_anybody_looked_is_still_told_once() -> None:
    known = heard("5:success 10:fail 11:success", judged_after=False)
    verdict = stands(known, 12)
    assert verdict.phase is Phase.DOWN
    assert "reported a failure at 2026-03-01 12:10:00 UTC" in verdict.reason
    assert "succeeded since, at 2026-03-01 12:11:00 UTC" in verdict.reason
    assert stands(replace(known, is_failure_news=False), 12).phase is Phase.UP


def test_a_paused_job_is_expected_to_do_nothing() -> None:
    paused = replace(heard("5:success"), is_paused=True)
    assert stands(paused, 500).phase is Phase.PAUSED
    failed = replace(heard("5:fail"), is_paused=True)
    assert stands(failed, 6).phase is Phase.PAUSED


def test_a_run_that_began_in_a_pause_is_still_expected_to_end() -> None:
    paused = replace(heard("5:success"), is_paused=True)
    started = take(paused, to_ping("500:start"), resumes=False)
    assert stands(started, 509).phase is Phase.PAUSED
    assert stands(started, 510).phase is Phase.DOWN


@pytest.mark.parametrize(
    ("ping", "at", "phase"),
    [
        ("500:start", 509, "up"),
        ("500:start", 510, "down"),
        ("500:success", 559, "up"),
        ("500:success", 570, "down"),
        ("500:fail", 500, "down"),
    ],
)
def test_a_ping_resumes_a_paused_job_whose_past_no_longer_counts(ping: str, at: float, phase: str) -> None:
    paused = replace(heard("5:start 6:fail"), is_paused=True, is_failure_news=True)
    resumed = take(paused, to_ping(ping))
    assert not resumed.is_paused
    assert stands(resumed, at).phase == phase


@pytest.mark.parametrize("pings", ["5:success", "5:fail", "5:start", "5:start@a 6:1@b"])
def test_nothing_counts_that_lies_before_the_job_was_armed_again(pings: str) -> None:
    known = replace(heard(pings, judged_after=False), armed_at=minute(1000))
    assert stands(known, 1000).phase is Phase.NEW
    assert stands(known, 1069).phase is Phase.NEW
    assert stands(known, 1070).phase is Phase.DOWN


@pytest.mark.parametrize(
    ("pings", "at", "changes_at"),
    [("", 0, 70), ("5:success", 6, 65), ("5:success", 66, 75), ("5:start", 6, 15), ("5:success 70:start", 71, 75)],
)
def test_it_is_known_when_a_silent_job_will_stand_differently(pings: str, at: float, changes_at: float) -> None:
    known = heard(pings)
    verdict = stands(known, at)
    assert verdict.changes_at == minute(changes_at)
    later = judge(known, HOURLY, GRACE, minute(changes_at))
    just_before = judge(known, HOURLY, GRACE, minute(changes_at) - timedelta(microseconds=1))
    assert (just_before.phase, later.phase != just_before.phase) == (verdict.phase, True)


BERLIN, LORD_HOWE = "Europe/Berlin", "Australia/Lord_Howe"


@pytest.mark.parametrize(
    ("expression", "timezone", "success_at", "checked_at", "phase"),
    [
        # every night at three, in a zone that is an hour ahead
        ("0 3 * * *", BERLIN, "2026-02-10T02:01", "2026-02-11T01:59", "up"),
        ("0 3 * * *", BERLIN, "2026-02-10T02:01", "2026-02-11T02:00", "late"),
        ("0 3 * * *", BERLIN, "2026-02-10T02:01", "2026-02-11T02:10", "down"),
        # the night of 29 March has no 02:30: the job is due when the clocks stand at three
        ("30 2 * * *", BERLIN, "2026-03-28T01:31", "2026-03-29T00:59", "up"),
        ("30 2 * * *", BERLIN, "2026-03-28T01:31", "2026-03-29T01:05", "late"),
        ("30 2 * * *", BERLIN, "2026-03-28T01:31", "2026-03-29T01:10", "down"),
        ("30 2 * * *", BERLIN, "2026-03-29T01:01", "2026-03-30T00:29", "up"),
        ("30 2 * * *", BERLIN, "2026-03-29T01:01", "2026-03-30T00:40", "down"),
        # the night of 25 October has 02:30 twice: the first one counts, and what runs then is not due again
        ("30 2 * * *", BERLIN, "2026-10-24T00:31", "2026-10-25T00:29", "up"),
        ("30 2 * * *", BERLIN, "2026-10-24T00:31", "2026-10-25T00:40", "down"),
        ("30 2 * * *", BERLIN, "2026-10-25T00:31", "2026-10-25T01:45", "up"),
        ("30 2 * * *", BERLIN, "2026-10-25T01:15", "2026-10-25T01:45", "up"),
        ("30 2 * * *", BERLIN, "2026-10-25T00:31", "2026-10-26T01:40", "down"),
        # an hourly job runs in both of the repeated hours
        ("5 * * * *", BERLIN, "2026-10-25T00:05", "2026-10-25T01:04", "up"),
        ("5 * * * *", BERLIN, "2026-10-25T00:05", "2026-10-25T01:15", "down"),
        # half an hour of summer time: 02:15 is skipped on 4 October, and comes at 02:30
        ("15 2 * * *", LORD_HOWE, "2026-10-02T15:46", "2026-10-03T15:29", "up"),
        ("15 2 * * *", LORD_HOWE, "2026-10-02T15:46", "2026-10-03T15:35", "late"),
        ("15 2 * * *", LORD_HOWE, "2026-10-02T15:46", "2026-10-03T15:40", "down"),
        # ... and repeated on 5 April
        ("45 1 * * *", LORD_HOWE, "2026-04-04T14:46", "2026-04-04T15:30", "up"),
        ("45 1 * * *", LORD_HOWE, "2026-04-04T15:20", "2026-04-05T15:14", "up"),
        ("45 1 * * *", LORD_HOWE, "2026-04-04T15:20", "2026-04-05T15:25", "down"),
        # day of month or day of week, as Debian's cron has it: either, unless one begins with a star
        ("0 0 13 * 5", "UTC", "2026-03-01T00:00", "2026-03-05T23:59", "up"),
        ("0 0 13 * 5", "UTC", "2026-03-01T00:00", "2026-03-06T00:10", "down"),
        ("0 0 */13 * 5", "UTC", "2026-03-01T00:01", "2026-03-13T00:10", "up"),
        ("@daily", "UTC", "2026-03-01T00:01", "2026-03-02T00:10", "down"),
    ],
)
def test_a_job_of_a_crontab_is_expected_when_cron_runs_it(
    expression: str, timezone: str, success_at: str, checked_at: str, phase: str
) -> None:
    success, checked = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (success_at, checked_at))
    known = Heartbeat(success - timedelta(days=30), last_success_at=success)
    assert judge(known, Cron.parse(expression, zone(timezone)), GRACE, checked).phase == phase


@pytest.mark.parametrize(
    ("expression", "timezone", "after", "expected"),
    [
        ("Mon..Fri 08:00", BERLIN, "2026-03-27T12:00", "2026-03-30T06:00"),
        ("02:30", BERLIN, "2026-03-28T12:00", "2026-03-30T00:30"),  # systemd leaves out a time that does not exist
        ("08:00 Europe/Berlin", "UTC", "2026-03-28T12:00", "2026-03-29T06:00"),
        ("08:00\n20:00", "UTC", "2026-03-28T12:00", "2026-03-28T20:00"),
        ("hourly", "UTC", "2026-03-28T12:00", "2026-03-28T13:00"),
        ("2026-01-01", "UTC", "2026-03-28T12:00", None),
    ],
)
def test_a_timer_of_systemd_is_expected_when_systemd_starts_it(
    expression: str, timezone: str, after: str, expected: str | None
) -> None:
    comes = Calendar.parse(expression, zone(timezone)).next_after(datetime.fromisoformat(after + "+00:00"))
    assert comes == (datetime.fromisoformat(expected + "+00:00") if expected else None)


def test_a_job_that_is_expected_no_more_stays_up() -> None:
    once = Calendar.parse("2026-02-01", zone("UTC"))
    assert stands(heard("5:success"), 1_000_000, once).phase is Phase.UP
    assert stands(heard("5:success"), 1_000_000, once).changes_at is None


@pytest.mark.parametrize(
    "expression",
    ["", "* * * *", "* * * * * *", "60 * * * *", "0 0 31 2 *", "0 0 30 2 *", "0 0 31 4,6 *", "every day", "@reboot"],
)
def test_what_cron_would_not_run_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"cron expression|never comes"):
        Cron.parse(expression, zone("UTC"))


@pytest.mark.parametrize("expression", ["", "nonsense", "*-02-30", "25:00", "08:00\n*-02-31", "08:00 Mars/Base"])
def test_what_systemd_would_not_run_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match=r"OnCalendar expression|never comes"):
        Calendar.parse(expression, zone("UTC"))


@pytest.mark.parametrize("name", ["Mars/Base", "", "../etc/passwd", "/etc/localtime"])
def test_a_time_zone_that_does_not_exist_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        zone(name)
