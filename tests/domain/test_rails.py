"""Each rail refuses, and each permits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from healthmgr.domain.check import Status
from healthmgr.domain.rails import (
    WAITS_AT_MOST,
    Facts,
    Group,
    Judgement,
    Permit,
    RefusalReason,
    Refuse,
    judge,
    judge_again,
    most_at_once,
)
from healthmgr.domain.runbook import BlastRadius, Rails, Runbook, Step

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEPS = (Step("restart", "command"),)


def judged(rails: Rails | None = None, **facts: Any) -> Judgement:
    return judge(Runbook("restart", STEPS, rails=rails or Rails()), Facts(**facts), 5, NOW)


def ago(**length: float) -> datetime:
    return NOW - timedelta(**length)


R = RefusalReason


@pytest.mark.parametrize(
    ("refused", "permitted", "reason"),
    [
        ({"is_automation_on": False}, {"is_automation_on": False, "is_automatic": False}, R.AUTOMATION_OFF),
        ({"switches": ("",)}, {"switches": ()}, R.KILL_SWITCH),
        ({"switches": ("team:web",), "is_automatic": False}, {"is_automatic": False}, R.KILL_SWITCH),
        ({"closed_by": "ada"}, {"closed_by": "ada", "is_automatic": False}, R.ALERT_CLOSED),
        ({"maintenance": "nightly"}, {"maintenance": ""}, R.IN_MAINTENANCE),
        ({"breaker_opened_at": ago(hours=3)}, {"breaker_opened_at": None}, R.BREAKER_OPEN),
        ({"is_watched": False}, {"is_watched": True}, R.NOT_WATCHED),
        ({"status": Status.HEALTHY}, {"status": Status.HEALTHY, "is_automatic": False}, R.HEALED),
        ({"is_flapping": True}, {"is_flapping": False}, R.FLAPPING),
        ({"is_unreachable": True}, {"is_unreachable": False}, R.UNREACHABLE),
        ({"is_parent_wavering": True}, {"is_parent_wavering": False}, R.PARENT_WAVERS),
        ({"status": Status.UNKNOWN}, {"status": Status.DEGRADED}, R.IN_DOUBT),
        ({"repaired_by": "other (run 7)"}, {"repaired_by": ""}, R.UNDER_REPAIR),
        ({"attempts": 5}, {"attempts": 4}, R.TOO_MANY_ATTEMPTS),
    ],
)
def test_a_rail_refuses_and_permits(refused: dict[str, Any], permitted: dict[str, Any], reason: R) -> None:
    found = judged(**refused)
    assert isinstance(found, Refuse)
    assert found.reason is reason
    assert found.words
    assert judged(**permitted) == Permit()


def test_the_runbooks_own_number_of_attempts_goes_before_the_installations() -> None:
    assert isinstance(judged(Rails(max_attempts=1), attempts=1), Refuse)
    assert judged(Rails(max_attempts=9), attempts=8) == Permit()


def test_a_run_waits_until_the_window_has_room_again() -> None:
    rails = Rails(most_in_window=2, window=timedelta(hours=1))
    found = judged(rails, started_at=(ago(minutes=50), ago(minutes=10)))
    assert isinstance(found, Refuse)
    assert (found.reason, found.until) == (R.TOO_MANY_IN_WINDOW, NOW + timedelta(minutes=10))
    assert judged(rails, started_at=(ago(minutes=70), ago(minutes=10))) == Permit()


def test_a_run_waits_while_its_runbook_or_its_target_cools_down() -> None:
    rails = Rails(cool_down=timedelta(minutes=5), target_cool_down=timedelta(minutes=2))
    found = judged(rails, runbook_ended_at=ago(minutes=4))
    assert isinstance(found, Refuse)
    assert (found.reason, found.until) == (R.COOL_DOWN, NOW + timedelta(minutes=1))
    found = judged(rails, target_ended_at=ago(minutes=1))
    assert isinstance(found, Refuse)
    assert (found.reason, found.until) == (R.TARGET_COOL_DOWN, NOW + timedelta(minutes=1))
    assert judged(rails, runbook_ended_at=ago(minutes=5), target_ended_at=ago(minutes=2)) == Permit()


@pytest.mark.parametrize(
    ("radius", "refused", "permitted", "reason"),
    [
        (BlastRadius(most=2), Group(5, under_repair=2), Group(5, under_repair=1), R.TOO_MANY_AT_ONCE),
        (BlastRadius(most_percent=25), Group(8, under_repair=2), Group(8, under_repair=1), R.TOO_MANY_AT_ONCE),
        (BlastRadius(keep_healthy=2), Group(5, healthy=1), Group(5, healthy=2), R.TOO_FEW_HEALTHY),
        (
            BlastRadius(is_canary_first=True),
            Group(5, under_repair=1),
            Group(5, under_repair=1, is_proved=True),
            R.CANARY_NOT_PROVED,
        ),
        (BlastRadius(is_canary_first=True), Group(5, has_failed=True), Group(5), R.CANARY_FAILED),
    ],
)
def test_the_blast_radius_refuses_and_permits(
    radius: BlastRadius, refused: Group, permitted: Group, reason: RefusalReason
) -> None:
    found = judged(Rails(blast_radius=radius), group=refused)
    assert isinstance(found, Refuse)
    assert found.reason is reason
    assert (found.until is None) is (reason is R.CANARY_FAILED)
    assert judged(Rails(blast_radius=radius), group=permitted) == Permit()


@pytest.mark.parametrize(("percent", "size", "most"), [(25.0, 3, 1), (25.0, 8, 2), (50.0, 5, 2), (100.0, 4, 4)])
def test_a_share_of_a_group_is_at_least_one_and_rounded_down(percent: float, size: int, most: int) -> None:
    assert most_at_once(BlastRadius(most_percent=percent), size) == most


def test_the_stricter_of_a_count_and_a_share_holds() -> None:
    assert most_at_once(BlastRadius(most=1, most_percent=50), 10) == 1
    assert most_at_once(BlastRadius(), 10) is None


def test_what_waited_for_too_long_is_refused_for_good() -> None:
    rails = Rails(cool_down=timedelta(hours=3))
    found = judged(rails, runbook_ended_at=ago(minutes=5), waits_since=NOW - WAITS_AT_MOST)
    assert isinstance(found, Refuse)
    assert (found.reason, found.until) == (R.WAITED_TOO_LONG, None)
    assert "cools down" in found.words


def test_a_run_under_way_is_stopped_by_what_can_have_changed_alone() -> None:
    assert judge_again(Facts(attempts=99, repaired_by="itself")) == Permit()
    assert isinstance(judge_again(Facts(switches=("",))), Refuse)
    assert isinstance(judge_again(Facts(maintenance="nightly")), Refuse)
    assert isinstance(judge_again(Facts(closed_by="ada")), Refuse)
