"""Severities, and the slots of a check: stable, spread, pinned to the epoch, strictly after now."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.check import Check, Severity, Status, next_slot, stable_phase
from tests.domain.making import NOW, a_check, uid

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

intervals = st.timedeltas(min_value=timedelta(seconds=1), max_value=timedelta(days=2)).map(
    lambda length: timedelta(milliseconds=length // timedelta(milliseconds=1))
)
instants = st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
slugs = st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True)


def test_severities_are_ranked_from_critical_to_low():
    assert sorted([Severity.LOW, Severity.HIGH, Severity.CRITICAL, Severity.MEDIUM], key=lambda s: s.rank) == [
        Severity.CRITICAL,
        Severity.HIGH,
        Severity.MEDIUM,
        Severity.LOW,
    ]


@pytest.mark.parametrize(
    ("severity", "milder"),
    [("critical", "high"), ("high", "medium"), ("medium", "low"), ("low", "low")],
)
def test_the_severity_below_is_one_step_milder_and_low_has_none_below(severity, milder):
    assert Severity(severity).milder is Severity(milder)


@pytest.mark.parametrize(
    ("status", "is_bad"), [("healthy", False), ("degraded", True), ("unhealthy", True), ("unknown", True)]
)
def test_all_but_healthy_is_bad(status, is_bad):
    assert Status(status).is_bad is is_bad


@pytest.mark.parametrize(
    ("status", "severity"),
    [(Status.UNHEALTHY, Severity.CRITICAL), (Status.DEGRADED, Severity.LOW), (Status.UNKNOWN, Severity.LOW)],
)
def test_only_an_unhealthy_check_is_worth_its_full_severity(status, severity):
    check = a_check(severity=Severity.CRITICAL, degraded_severity=Severity.LOW)
    assert check.severity_of(status) is severity


def test_a_check_has_three_attempts_needs_one_success_and_is_watched_for_flapping_unless_it_says_otherwise():
    second = timedelta(seconds=1)
    check = Check(uid(1), "api", "API", "http", second, second, second, Severity.HIGH, Severity.LOW)
    assert (check.max_attempts, check.success_threshold, check.detects_flapping) == (3, 1, True)
    assert (check.is_enabled, check.is_paused) == (True, False)


# ---- phase ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("slug", "interval", "phase"),
    [
        ("api", timedelta(seconds=10), timedelta(milliseconds=1844)),
        ("api", timedelta(seconds=60), timedelta(milliseconds=41844)),
        ("database", timedelta(seconds=60), timedelta(milliseconds=54970)),
        ("session-manager", timedelta(hours=1), timedelta(milliseconds=2035252)),
    ],
)
def test_a_phase_is_the_same_in_every_process_and_every_release(slug, interval, phase):
    # The values are kept here on purpose: a change of the hash would move every slot of every installation.
    assert stable_phase(slug, interval) == phase


@given(slugs, intervals)
def test_a_phase_lies_within_the_interval(slug, interval):
    assert timedelta(0) <= stable_phase(slug, interval) < interval


def test_the_phases_of_many_checks_are_spread_over_the_interval():
    tenths = [stable_phase(f"check-{i}", timedelta(minutes=1)) // timedelta(seconds=6) for i in range(2000)]
    counts = [tenths.count(tenth) for tenth in range(10)]
    assert min(counts) > 140
    assert max(counts) < 260


# ---- slots ------------------------------------------------------------------------------------------


@given(instants, intervals, slugs)
def test_the_next_slot_is_the_smallest_one_after_now(now, interval, slug):
    slot = next_slot(now, interval, stable_phase(slug, interval))
    assert now < slot <= now + interval


@given(instants, intervals, slugs)
def test_slots_are_pinned_to_the_epoch(now, interval, slug):
    phase = stable_phase(slug, interval)
    assert (next_slot(now, interval, phase) - EPOCH) % interval == phase


@given(instants, intervals, slugs)
def test_the_slot_after_a_slot_is_one_interval_later(now, interval, slug):
    phase = stable_phase(slug, interval)
    slot = next_slot(now, interval, phase)
    assert next_slot(slot, interval, phase) == slot + interval


@given(instants, intervals, slugs, st.floats(min_value=0, max_value=1))
def test_whoever_asks_between_two_slots_is_told_the_same_one(now, interval, slug, share):
    phase = stable_phase(slug, interval)
    slot = next_slot(now, interval, phase)
    assert next_slot(now + (slot - now) * share * 0.999, interval, phase) == slot


def test_a_slot_that_is_now_is_over():
    slot = next_slot(NOW, timedelta(seconds=30), timedelta(seconds=7))
    assert slot == NOW + timedelta(seconds=7)
    assert next_slot(slot, timedelta(seconds=30), timedelta(seconds=7)) == NOW + timedelta(seconds=37)


def test_missed_slots_are_skipped():
    phase = timedelta(seconds=7)
    late = NOW + timedelta(hours=5, seconds=1)
    assert next_slot(late, timedelta(seconds=30), phase) == NOW + timedelta(hours=5, seconds=7)


@pytest.mark.parametrize(
    "zone", [ZoneInfo("Europe/Berlin"), ZoneInfo("Australia/Lord_Howe"), timezone(timedelta(hours=5.5))]
)
@pytest.mark.parametrize("interval", [timedelta(minutes=7), timedelta(hours=5), timedelta(days=1)])
def test_the_zone_in_which_now_is_told_moves_no_slot(zone, interval):
    phase = interval / 3
    for month, hour in itertools.product(range(1, 13), (0, 1, 2, 12)):
        now = datetime(2026, month, 28, hour, 30, tzinfo=UTC)
        assert next_slot(now.astimezone(zone), interval, phase) == next_slot(now, interval, phase)


@pytest.mark.parametrize(
    "changes_at", [datetime(2026, 3, 29, 1, 0, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC)]
)
def test_slots_stay_one_interval_apart_through_a_change_of_summer_time(changes_at):
    interval, phase, now = timedelta(minutes=7), timedelta(minutes=2), changes_at - timedelta(hours=3)
    slots = []
    while now < changes_at + timedelta(hours=3):
        now = next_slot(now.astimezone(ZoneInfo("Europe/Berlin")), interval, phase)
        slots.append(now)
    assert {later.astimezone(UTC) - slot.astimezone(UTC) for slot, later in itertools.pairwise(slots)} == {interval}


def test_a_slot_is_told_in_utc():
    slot = next_slot(NOW.astimezone(ZoneInfo("Europe/Berlin")), timedelta(minutes=1), timedelta(0))
    assert slot.utcoffset() == timedelta(0)
