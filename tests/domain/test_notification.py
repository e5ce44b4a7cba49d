"""Whether a group is told something now, in Alertmanager's order and with Alertmanager's cases as the judge."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.check import Severity, Status
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import STARTS_EPISODE, Decision, Drop, Group, Hold, Pace, Reason, Send, Told
from healthmgr.domain.notification import decide as decide_at_a_pace
from tests.domain.making import NOW, uid

PROBLEM, UPDATE, RESOLUTION = MessageKind.PROBLEM, MessageKind.UPDATE, MessageKind.RESOLUTION


def ids(numbers: Iterable[int]) -> frozenset:
    return frozenset(uid(number) for number in numbers)


def group(
    firing: Iterable[int] = (),
    *,
    resolved: Iterable[int] = (),
    flapping: Iterable[int] = (),
    acknowledged: Iterable[int] = (),
    severity: Severity = Severity.HIGH,
) -> Group:
    firing = ids(firing)
    return Group(firing, ids(flapping), ids(resolved), ids(acknowledged), severity if firing else None)


def told(firing: Iterable[int], flapping: Iterable[int] = (), severity: Severity = Severity.HIGH) -> Told:
    return Told(ids(firing), ids(flapping), severity)


def decide(group: Group, told: Told | None, is_acknowledged: bool) -> Decision:
    """What is decided once the interval of the group is over."""
    return decide_at_a_pace(group, told, is_acknowledged, Pace(), NOW)


# Alertmanager's TestDedupStageNeedsUpdate, with send_resolved; its repeats are rounds of the escalation here.
@pytest.mark.parametrize(
    ("before", "now", "decision"),
    [
        (None, group([2, 3, 4]), Send(Reason.FIRST, PROBLEM)),
        (None, group(resolved=[2, 3, 4]), Drop(Reason.NOTHING_TOLD)),
        (None, group(), Drop(Reason.NOTHING_TOLD)),
        (told([1, 2, 3]), group([2, 3, 4]), Send(Reason.NEW_ALERTS, PROBLEM)),
        (told([1, 2, 3]), group([1, 2, 3]), Drop(Reason.UNCHANGED)),
        (told([]), group(resolved=[3, 4, 5]), Drop(Reason.UNCHANGED)),
        (told([1, 2]), group([1], resolved=[2, 3]), Send(Reason.SOME_RESOLVED, UPDATE)),
        (told([1, 2]), group(resolved=[1, 2, 3]), Send(Reason.ALL_RESOLVED, RESOLUTION)),
        (told([1, 2]), group([1, 2], resolved=[3]), Drop(Reason.UNCHANGED)),
        (told([1, 2]), group([1]), Drop(Reason.UNCHANGED)),
    ],
)
def test_a_group_is_told_as_alertmanager_would(before, now, decision):
    assert decide(now, before, False) == decision


# ---- the order, when several things happened --------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "now", "decision"),
    [
        # A new alert goes before a resolved one, a rise of severity and the beginning of flapping.
        (told([1, 2]), group([1, 3], resolved=[2]), Send(Reason.NEW_ALERTS, PROBLEM)),
        (told([1]), group([1, 2], flapping=[1], severity=Severity.CRITICAL), Send(Reason.NEW_ALERTS, PROBLEM)),
        # Everything being over goes before what was still flapping.
        (told([1, 2], [1]), group(resolved=[1, 2]), Send(Reason.ALL_RESOLVED, RESOLUTION)),
        # A rise of severity goes before flapping and before what was resolved.
        (
            told([1, 2]),
            group([1], resolved=[2], flapping=[1], severity=Severity.CRITICAL),
            Send(Reason.SEVERITY_ROSE, PROBLEM),
        ),
        (told([1], [1]), group([1], severity=Severity.CRITICAL), Send(Reason.SEVERITY_ROSE, PROBLEM)),
        # The beginning of flapping goes before its end elsewhere, and that before what was resolved.
        (told([1, 2], [2]), group([1, 2], flapping=[1]), Send(Reason.FLAPPING_STARTED, PROBLEM)),
        (told([1, 2, 3], [2]), group([1, 2], resolved=[3]), Send(Reason.FLAPPING_ENDED, UPDATE)),
    ],
)
def test_the_most_important_thing_is_the_reason(before, now, decision):
    assert decide(now, before, False) == decision


# ---- severity ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", Severity)
@pytest.mark.parametrize("now", Severity)
def test_only_a_severity_above_the_highest_that_was_told_is_told(before, now):
    decision = decide(group([1], severity=now), told([1], severity=before), False)
    rose = now.rank < before.rank
    assert decision == (Send(Reason.SEVERITY_ROSE, PROBLEM) if rose else Drop(Reason.UNCHANGED))


def with_status(status: Status, **over: object) -> Group:
    return replace(group([1], **over), statuses={uid(1): status})


@pytest.mark.parametrize(
    ("before", "now", "reason"),
    [
        (Status.DEGRADED, Status.UNHEALTHY, Reason.WORSENED),
        (Status.UNHEALTHY, Status.DEGRADED, Reason.UNCHANGED),
        (Status.UNHEALTHY, Status.UNHEALTHY, Reason.UNCHANGED),
    ],
)
def test_growing_worse_is_told_and_easing_is_not(before, now, reason):
    said = replace(told([1]), statuses={uid(1): before})
    assert decide(with_status(now), said, False).reason is reason


def test_growing_worse_is_not_told_to_whoever_has_it_in_hand():
    said = replace(told([1]), statuses={uid(1): Status.DEGRADED})
    assert decide(with_status(Status.UNHEALTHY, acknowledged=[1]), said, True) == Drop(Reason.ACKNOWLEDGED)


# ---- mutes ------------------------------------------------------------------------------------------


def test_one_that_was_told_and_is_muted_since_still_fires_and_makes_no_news():
    before = told([1, 2], [1])
    muted = Group(ids([1, 2]), frozenset(), frozenset(), frozenset(), Severity.HIGH, muted=ids([1]))
    assert decide(muted, before, False) == Drop(Reason.UNCHANGED)
    heard = Group(ids([1, 2]), frozenset(), frozenset(), frozenset(), Severity.HIGH)
    assert decide(heard, before, False) == Send(Reason.FLAPPING_ENDED, UPDATE)


def test_a_group_all_of_whose_alerts_were_muted_since_has_no_severity_to_rise():
    before = told([1], severity=Severity.LOW)
    muted = Group(ids([1]), frozenset(), frozenset(), frozenset(), None, muted=ids([1]))
    assert decide(muted, before, False) == Drop(Reason.UNCHANGED)


# ---- the interval of the group ----------------------------------------------------------------------

INTERVAL = timedelta(minutes=5)


@pytest.mark.parametrize(
    ("before", "now", "reason", "waits"),
    [
        (told([1]), group([1, 2]), Reason.NEW_ALERTS, True),
        (told([1, 2]), group([1], resolved=[2]), Reason.SOME_RESOLVED, True),
        (told([1], [1]), group([1]), Reason.FLAPPING_ENDED, True),
        (told([1]), group([1], severity=Severity.CRITICAL), Reason.SEVERITY_ROSE, False),
        # One that joins and is worse than all that was told does not wait either.
        (told([1]), group([1, 2], severity=Severity.CRITICAL), Reason.NEW_ALERTS, False),
        (told([1]), group([1], flapping=[1]), Reason.FLAPPING_STARTED, False),
        (told([1]), group(resolved=[1]), Reason.ALL_RESOLVED, False),
        (told([]), group([1]), Reason.REOPENED, False),
        (None, group([1]), Reason.FIRST, False),
    ],
)
def test_news_waits_for_the_interval_and_what_is_worse_or_over_does_not(before, now, reason, waits):
    may_at = NOW + timedelta(minutes=1)
    pace = Pace(may_at - INTERVAL, INTERVAL)
    early = decide_at_a_pace(now, before, False, pace, NOW)
    assert early == (Hold(may_at, Reason.GROUP_INTERVAL) if waits else decide(now, before, False))
    assert decide_at_a_pace(now, before, False, pace, may_at).reason is reason


# ---- flapping ---------------------------------------------------------------------------------------


def test_flapping_is_told_when_it_begins_and_when_it_ends():
    assert decide(group([1], flapping=[1]), told([1]), False) == Send(Reason.FLAPPING_STARTED, PROBLEM)
    assert decide(group([1], flapping=[1]), told([1], [1]), False) == Drop(Reason.UNCHANGED)
    assert decide(group([1]), told([1], [1]), False) == Send(Reason.FLAPPING_ENDED, UPDATE)


def test_the_end_of_flapping_of_an_alert_that_is_resolved_is_its_resolution():
    assert decide(group([2], resolved=[1]), told([1, 2], [1]), False) == Send(Reason.SOME_RESOLVED, UPDATE)


# ---- acknowledgements -------------------------------------------------------------------------------


def test_alerts_that_somebody_acknowledged_before_they_were_told_page_nobody():
    assert decide(group([1], acknowledged=[1]), None, False) == Drop(Reason.ACKNOWLEDGED)
    assert decide(group([1, 2], acknowledged=[2]), told([1]), False) == Drop(Reason.ACKNOWLEDGED)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (group([1, 2], acknowledged=[2], severity=Severity.CRITICAL), Reason.SEVERITY_ROSE),
        (group([1, 2], acknowledged=[2], flapping=[1]), Reason.FLAPPING_STARTED),
        (group([1, 3], acknowledged=[3], resolved=[2]), Reason.SOME_RESOLVED),
    ],
)
def test_one_that_somebody_was_quick_to_acknowledge_hides_no_news_of_the_others(now, reason):
    assert decide(now, told([1, 2]), False).reason is reason


def test_one_new_alert_that_nobody_acknowledged_is_enough_to_tell():
    assert decide(group([1, 2], acknowledged=[1]), None, False) == Send(Reason.FIRST, PROBLEM)
    assert decide(group([1, 2, 3], acknowledged=[2]), told([1]), True) == Send(Reason.NEW_ALERTS, PROBLEM)


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (group([1, 2, 3], acknowledged=[1, 2]), Reason.NEW_ALERTS),
        (group([1, 2], acknowledged=[1, 2], severity=Severity.CRITICAL), Reason.SEVERITY_ROSE),
        (group([1], acknowledged=[1], resolved=[2]), Reason.SOME_RESOLVED),
        (group(resolved=[1, 2]), Reason.ALL_RESOLVED),
    ],
)
def test_an_acknowledged_incident_still_tells_what_the_acknowledgement_did_not_cover(now, reason):
    decision = decide(now, told([1, 2]), True)
    assert isinstance(decision, Send)
    assert decision.reason is reason


def test_an_acknowledged_alert_that_begins_to_flap_rings_nobody():
    assert decide(group([1], flapping=[1], acknowledged=[1]), told([1]), True) == Drop(Reason.ACKNOWLEDGED)


def test_flapping_that_rings_nobody_hides_no_resolution():
    now = group([1], flapping=[1], acknowledged=[1], resolved=[2])
    assert decide(now, told([1, 2]), True) == Send(Reason.SOME_RESOLVED, UPDATE)


def test_what_rings_anew_starts_an_episode_and_what_informs_does_not():
    assert {Reason.FIRST, Reason.REOPENED, Reason.NEW_ALERTS, Reason.SEVERITY_ROSE} == STARTS_EPISODE


# ---- always -----------------------------------------------------------------------------------------

some = st.frozensets(st.integers(1, 6), max_size=6)
severities = st.sampled_from(list(Severity))


@st.composite
def groups(draw: st.DrawFn) -> Group:
    firing = draw(some)
    return group(
        firing,
        resolved=draw(some) - firing,
        flapping=draw(some) & firing,
        acknowledged=draw(some) & firing,
        severity=draw(severities),
    )


@given(groups(), severities)
def test_what_was_just_told_is_not_told_again(now, severity):
    decision = decide(now, None, False)
    if isinstance(decision, Send):
        said = Told(frozenset(now.firing), frozenset(now.flapping), now.severity or severity)
        assert decide(now, said, False) == Drop(Reason.UNCHANGED)


@given(groups(), some, some, severities, st.booleans())
def test_a_resolution_is_told_when_nothing_fires_any_more_and_only_then(now, firing, flapping, severity, acknowledged):
    decision = decide(now, told(firing, flapping & firing, severity), acknowledged)
    is_over = not now.firing and bool(firing)
    assert (decision == Send(Reason.ALL_RESOLVED, RESOLUTION)) is is_over


@given(groups(), some, severities, st.booleans())
def test_an_unanswered_alert_that_was_not_told_is_always_told(now, firing, severity, acknowledged):
    if now.firing - ids(firing) - now.acknowledged:
        decision = decide(now, told(firing, severity=severity), acknowledged)
        assert decision == Send(Reason.NEW_ALERTS if firing else Reason.REOPENED, PROBLEM)


@given(some, some, severities)
def test_what_was_told_is_read_as_it_was_written(firing, flapping, severity):
    said = told(firing, flapping & firing, severity)
    assert Told.from_document(said.to_document()) == said
