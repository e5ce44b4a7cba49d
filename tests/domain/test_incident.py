"""An alert that nobody has been told of: told, suppressed by its root, or held for a few seconds; and its group."""

from __future__ import annotations

from datetime import timedelta

import pytest

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.dependency import Reachable, Undecided, Unreachable
from healthmgr.domain.incident import Fires, Held, Incident, Member, Suppressed, all_labels, stand, to_group
from healthmgr.domain.notification import Group, Reason
from healthmgr.domain.plan import Leg, Plan
from tests.domain.making import NOW, uid

SECOND = timedelta(seconds=1)
ROOT = uid(99)


def member(number: int = 1, **over: object) -> Member:
    """An open alert since now."""
    given = {
        "id": uid(number),
        "check_id": uid(50 + number),
        "severity": Severity.HIGH,
        "status": Status.UNHEALTHY,
        "is_flapping": False,
        "opened_at": NOW,
        "failed_at": NOW - timedelta(seconds=30),
        "last_result_at": NOW,
    }
    return Member(**(given | over))


def test_a_reachable_alert_is_told_at_once():
    assert stand(member(), Reachable(), NOW) == Fires()


@pytest.mark.parametrize("after", [0, 1, 15, 100_000])
def test_an_unreachable_alert_is_suppressed_by_its_root_however_old_it_is(after):
    assert stand(member(), Unreachable(ROOT), NOW + after * SECOND) == Suppressed(ROOT)


@pytest.mark.parametrize("after", [0, 1, 14.999])
def test_an_undecided_alert_waits_for_its_parent(after):
    assert stand(member(), Undecided(), NOW + after * SECOND) == Held(NOW + 15 * SECOND, Reason.PARENT_WAVERS)


@pytest.mark.parametrize("after", [15, 16, 3600])
def test_an_undecided_alert_is_told_after_fifteen_seconds_at_most(after):
    assert stand(member(), Undecided(), NOW + after * SECOND) == Fires()


# ---- when the root has been resolved ----------------------------------------------------------------

RESOLVED_AT = NOW + timedelta(minutes=10)


def orphan(last_result_after: float) -> Member:
    """An alert whose root was resolved, with its last result this many seconds after that."""
    return member(
        suppressed_by_id=ROOT, root_resolved_at=RESOLVED_AT, last_result_at=RESOLVED_AT + last_result_after * SECOND
    )


@pytest.mark.parametrize("verdict", [Reachable(), Undecided()])
@pytest.mark.parametrize("after", [0, 14.999])
def test_an_orphan_waits_for_a_result_from_after_its_root(verdict, after):
    standing = stand(orphan(-1), verdict, RESOLVED_AT + after * SECOND)
    assert standing == Held(RESOLVED_AT + 15 * SECOND, Reason.ROOT_JUST_RESOLVED)


@pytest.mark.parametrize("fresh_after", [0, 0.001, 5])
def test_an_orphan_with_a_fresh_bad_result_is_told(fresh_after):
    assert stand(orphan(fresh_after), Reachable(), RESOLVED_AT + 6 * SECOND) == Fires()


def test_an_orphan_without_a_fresh_result_is_told_after_fifteen_seconds():
    assert stand(orphan(-1), Reachable(), RESOLVED_AT + 15 * SECOND) == Fires()


def test_an_orphan_with_another_root_is_suppressed_again():
    assert stand(orphan(-1), Unreachable(uid(98)), RESOLVED_AT + SECOND) == Suppressed(uid(98))


# ---- the group --------------------------------------------------------------------------------------


def test_a_group_is_told_without_the_alerts_that_wait():
    members = [
        member(1, severity=Severity.MEDIUM, is_flapping=True),
        member(2, severity=Severity.LOW, is_acknowledged=True),
        member(3, severity=Severity.CRITICAL, is_flapping=True, is_acknowledged=True),
        member(4, severity=Severity.CRITICAL, is_flapping=True, resolved_at=NOW),
    ]
    assert to_group(members, frozenset({uid(3)})) == Group(
        firing={uid(1), uid(2)},
        flapping={uid(1)},
        resolved={uid(4)},
        acknowledged={uid(2)},
        severity=Severity.MEDIUM,
        statuses={uid(1): Status.UNHEALTHY, uid(2): Status.UNHEALTHY},
    )


def test_a_group_is_as_severe_as_the_worst_alert_that_fires():
    members = [member(i, severity=severity) for i, severity in enumerate(reversed(Severity))]
    assert to_group(members, frozenset()).severity is Severity.CRITICAL


@pytest.mark.parametrize("members", [[], [member(1, resolved_at=NOW)]])
def test_a_group_in_which_nothing_fires_has_no_severity(members):
    assert to_group(members, frozenset()).severity is None


def test_an_alert_that_is_resolved_counts_as_resolved_though_it_waited():
    group = to_group([member(1, resolved_at=NOW)], frozenset({uid(1)}))
    assert group.resolved == {uid(1)}
    assert group.firing == set()


def test_one_that_was_told_and_is_muted_since_fires_without_status_or_severity():
    members = [member(1, severity=Severity.CRITICAL, is_flapping=True), member(2, severity=Severity.LOW)]
    assert to_group(members, frozenset(), frozenset({uid(1)})) == Group(
        firing={uid(1), uid(2)},
        flapping=set(),
        resolved=set(),
        acknowledged=set(),
        severity=Severity.LOW,
        statuses={uid(2): Status.UNHEALTHY},
        muted=frozenset({uid(1)}),
    )


def test_one_that_was_acknowledged_before_it_was_told_fires_and_makes_no_news():
    members = [member(1, severity=Severity.CRITICAL, is_acknowledged=True), member(2, severity=Severity.LOW)]
    group = to_group(members, frozenset(), frozenset(), frozenset({uid(1)}))
    assert (group.firing, group.acknowledged, group.severity) == ({uid(1), uid(2)}, {uid(1)}, Severity.LOW)


def test_a_label_named_severity_or_origin_does_not_hide_what_an_alert_is():
    labels = all_labels({"severity": "none", "origin": "said", "a": "1"}, Severity.HIGH, "door")
    assert labels == {"severity": "high", "origin": "said", "a": "1"}


# ---- what an incident waits for ---------------------------------------------------------------------

MINUTE = timedelta(minutes=1)


def incident(**over: object) -> Incident:
    """An open incident, told once, answered by nobody."""
    given = {
        "id": uid(1),
        "number": 1,
        "severity": Severity.HIGH,
        "episode": 1,
        "round": 3,
        "plan": Plan({}, Leg("default", (), MINUTE)),
        "told": None,
        "acknowledged_at": None,
    }
    return Incident(**(given | over))


@pytest.mark.parametrize(
    ("waiting", "minutes"),
    [
        ({}, None),
        ({"round_at": 5}, 5),
        ({"round_at": 5, "climb_at": 3}, 3),
        ({"round_at": 5, "auto_acknowledge_at": 4, "auto_resolve_at": 6}, 4),
        ({"round_at": 5, "auto_resolve_at": 2}, 2),
        # An acknowledgement stops rounds and levels; its own end and the end by itself go on.
        ({"acknowledged_at": 0, "round_at": 5, "climb_at": 3, "auto_acknowledge_at": 4}, None),
        ({"acknowledged_at": 0, "acknowledged_until": 9, "auto_resolve_at": 12}, 9),
        ({"acknowledged_at": 0, "acknowledged_until": 9, "auto_resolve_at": 2}, 2),
    ],
)
def test_an_incident_is_due_at_the_earliest_of_what_it_waits_for(waiting, minutes):
    due_at = incident(**{name: NOW + value * MINUTE for name, value in waiting.items()}).due_at
    assert due_at == (None if minutes is None else NOW + minutes * MINUTE)


def test_a_new_episode_is_answered_by_nobody_and_tells_every_leg():
    old = incident(acknowledged_at=NOW, acknowledged_until=NOW, snoozed_until=NOW, legs_told_at={"default": NOW})
    new = old.anew()
    assert (new.episode, new.round, new.legs_told_at) == (2, 0, {})
    assert (new.acknowledged_at, new.acknowledged_until, new.snoozed_until) == (None, None, None)
