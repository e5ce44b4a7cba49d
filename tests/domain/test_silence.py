"""What becomes of a silence that is wanted, changed or ended; the rules are Alertmanager's (silence/silence.go)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from healthmgr.domain.matcher import match_all, parse_matchers
from healthmgr.domain.silence import (
    MOST_COMMENT,
    MOST_MATCHERS,
    Draft,
    Silence,
    SilenceState,
    Verdict,
    decide,
    for_incident,
    mentions,
    order,
    read_matchers,
)
from healthmgr.errors import Conflict, DefinitionError
from tests.builders import NOW

HOUR = timedelta(hours=1)
OLD, NEW = UUID(int=1), UUID(int=2)


def draft(matchers: str = "service=shop", **over: Any) -> Draft:
    values = {"ends_at": NOW + HOUR, "created_by": "bob", "comment": "moving"} | over
    return Draft(matchers=parse_matchers(matchers), **values)


def silence(starts: float, ends: float, matchers: str = "service=shop", silence_id: UUID = OLD) -> Silence:
    """One that starts and ends so many hours from now."""
    starts_at = NOW + starts * HOUR
    return Silence(
        id=silence_id,
        matchers=parse_matchers(matchers),
        starts_at=starts_at,
        ends_at=NOW + ends * HOUR,
        created_by="alice",
        comment="work",
        created_at=starts_at,
        updated_at=starts_at,
    )


ACTIVE, PENDING, EXPIRED = silence(-1, 1), silence(1, 2), silence(-2, -1)


@pytest.mark.parametrize(
    ("starts", "ends", "state"),
    [
        (1, 2, SilenceState.PENDING),
        (0, 1, SilenceState.ACTIVE),
        (-1, 1, SilenceState.ACTIVE),
        (-1, 0, SilenceState.EXPIRED),
        (0, 0, SilenceState.EXPIRED),
    ],
)
def test_a_silence_holds_from_its_start_up_to_its_end(starts: float, ends: float, state: SilenceState) -> None:
    assert silence(starts, ends).state(NOW) is state


def test_an_active_silence_that_is_ended_is_over_at_that_instant() -> None:
    over = ACTIVE.expired(NOW)
    assert (over.starts_at, over.ends_at, over.state(NOW)) == (ACTIVE.starts_at, NOW, SilenceState.EXPIRED)


def test_a_pending_silence_that_is_ended_never_begins() -> None:
    over = PENDING.expired(NOW)
    assert (over.starts_at, over.ends_at) == (NOW, NOW)
    assert over.state(NOW) is SilenceState.EXPIRED


def test_what_is_over_cannot_be_ended_again() -> None:
    with pytest.raises(Conflict, match="over already"):
        EXPIRED.expired(NOW)


def test_a_new_silence_begins_now_if_it_says_nothing_or_a_time_that_has_passed() -> None:
    for starts_at in (None, NOW - HOUR):
        saving = decide(draft(starts_at=starts_at), None, NEW, NOW)
        assert saving.verdict is Verdict.CREATED
        assert (saving.silence.id, saving.silence.starts_at, saving.over) == (NEW, NOW, None)


@pytest.mark.parametrize(
    ("stored", "over", "verdict"),
    [
        # The end, the comment and the author of one that holds may change; its start may not.
        (ACTIVE, {"ends_at": NOW + 5 * HOUR}, Verdict.CHANGED),
        (ACTIVE, {"starts_at": ACTIVE.starts_at, "comment": "longer"}, Verdict.CHANGED),
        (ACTIVE, {"starts_at": ACTIVE.starts_at + timedelta(milliseconds=3)}, Verdict.CHANGED),
        (ACTIVE, {"starts_at": NOW}, Verdict.REPLACED),
        (ACTIVE, {"starts_at": NOW + HOUR / 2}, Verdict.REPLACED),
        (ACTIVE, {"matchers": "service=store"}, Verdict.REPLACED),
        (ACTIVE, {"matchers": "service=~shop"}, Verdict.REPLACED),
        # One that is to come may be moved, but not begin in the past.
        (PENDING, {"starts_at": NOW, "ends_at": NOW + 3 * HOUR}, Verdict.CHANGED),
        (PENDING, {"starts_at": NOW + 2 * HOUR, "ends_at": NOW + 3 * HOUR}, Verdict.CHANGED),
        (PENDING, {"ends_at": NOW + 3 * HOUR}, Verdict.CHANGED),
        (PENDING, {"starts_at": NOW - HOUR}, Verdict.REPLACED),
        (PENDING, {"matchers": "service=store", "ends_at": NOW + 3 * HOUR}, Verdict.REPLACED),
        # What is over stays over.
        (EXPIRED, {}, Verdict.CREATED_AGAIN),
        (EXPIRED, {"starts_at": EXPIRED.starts_at}, Verdict.CREATED_AGAIN),
    ],
)
def test_only_what_mutes_the_same_remains_the_same_silence(
    stored: Silence, over: dict[str, Any], verdict: Verdict
) -> None:
    saving = decide(draft(id=OLD, **over), stored, NEW, NOW)
    assert saving.verdict is verdict
    is_same = verdict is Verdict.CHANGED
    assert saving.silence.id == (OLD if is_same else NEW)
    assert saving.silence.created_at == (stored.created_at if is_same else NOW)
    assert (saving.over is not None) == (verdict is Verdict.REPLACED)
    if saving.over is not None:
        assert (saving.over.id, saving.over.ends_at) == (OLD, NOW)
    if not is_same:
        assert saving.silence.starts_at >= NOW


def test_the_start_of_an_active_silence_stays_to_the_microsecond_though_it_came_back_rounded() -> None:
    saving = decide(draft(starts_at=ACTIVE.starts_at + timedelta(microseconds=900)), ACTIVE, NEW, NOW)
    assert saving.silence.starts_at == ACTIVE.starts_at


def test_the_order_of_matchers_makes_no_other_silence() -> None:
    stored = silence(-1, 1, 'a="1", b="2"')
    assert decide(draft('b="2", a="1"'), stored, NEW, NOW).verdict is Verdict.CHANGED


@pytest.mark.parametrize(
    ("over", "path"),
    [
        ({"matchers": ""}, "matchers"),
        ({"matchers": 'a=""'}, "matchers"),
        ({"matchers": 'a=~".*", b!="x", c!~"y"'}, "matchers"),
        ({"matchers": ",".join(f"a{n}=x" for n in range(MOST_MATCHERS + 1))}, "matchers"),
        ({"ends_at": NOW}, "ends_at"),
        ({"ends_at": NOW - HOUR}, "ends_at"),
        ({"starts_at": NOW + HOUR}, "ends_at"),
        ({"created_by": "  "}, "created_by"),
        ({"created_by": "x" * 201}, "created_by"),
        ({"comment": ""}, "comment"),
        ({"comment": "x" * (MOST_COMMENT + 1)}, "comment"),
        ({"comment": "a\0b"}, "comment"),
        ({"comment": "half a \ud83d"}, "comment"),
        ({"annotations": {"a": "\0"}}, "annotations"),
    ],
)
def test_a_draft_that_cannot_be_is_refused_by_its_field(over: dict[str, Any], path: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        decide(draft(**over), None, NEW, NOW)
    assert [problem.path for problem in caught.value.problems] == [path]


def test_one_matcher_that_no_empty_label_meets_is_enough() -> None:
    assert decide(draft('a=~".*", b="x"'), None, NEW, NOW).verdict is Verdict.CREATED


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(DefinitionError) as caught:
        decide(draft("", created_by="", comment="", ends_at=NOW), None, NEW, NOW)
    assert [problem.path for problem in caught.value.problems] == ["matchers", "ends_at", "created_by", "comment"]


def test_silences_are_ordered_as_people_look_for_them() -> None:
    ids = [UUID(int=number) for number in range(6)]
    spans = [(-3, -1), (2, 3), (-1, 2), (1, 9), (-1, 1), (-9, -2)]
    silences = [silence(*span, silence_id=ids[place]) for place, span in enumerate(spans)]
    assert [ids.index(one.id) for one in order(silences, NOW)] == [4, 2, 3, 1, 0, 5]


@pytest.mark.parametrize(
    ("wanted", "is_found"),
    [
        ("service=shop", True),
        ("service=~sh.*", True),
        ("service!=shop", False),
        ("host=~db.*", True),
        ('team=""', True),
        ("team=web", False),
        ("service=shop, host=x", False),
    ],
)
def test_silences_are_found_by_what_their_matchers_say(wanted: str, is_found: bool) -> None:
    kept = silence(-1, 1, 'service="shop", host=~"db.*"')
    assert mentions(kept, parse_matchers(wanted)) is is_found


def test_matchers_of_several_texts_are_one_list_without_doubles_and_all_faults_are_told() -> None:
    assert read_matchers(["a=1,b=2", "a=1"]) == parse_matchers("a=1,b=2")
    with pytest.raises(DefinitionError) as caught:
        read_matchers(["a", "b=1", "=c"])
    assert [problem.path for problem in caught.value.problems] == ["matchers", "matchers"]


# ---- Of an incident ----------------------------------------------------------------------------------

TILL = {"check": "till", "service": "shop", "severity": "medium", "origin": "healthmgr"}
STOCK = {"check": "stock.v2", "service": "shop", "severity": "low", "origin": "healthmgr"}
OTHER = {"check": "mail", "service": "post", "severity": "low", "origin": "healthmgr"}


def test_an_incidents_silence_takes_what_joins_it_but_nothing_worse() -> None:
    matchers = for_incident(7, {"service": "shop"}, [TILL, STOCK])
    assert match_all(matchers, TILL)
    assert match_all(matchers, TILL | {"check": "another", "severity": "low"})
    assert not match_all(matchers, TILL | {"severity": "high"})
    assert not match_all(matchers, OTHER)


def test_the_worst_severity_needs_no_bound() -> None:
    matchers = for_incident(7, {"service": "shop"}, [TILL | {"severity": "critical"}])
    assert [str(matcher) for matcher in matchers] == ['service="shop"']


def test_an_incident_that_is_grouped_by_nothing_is_matched_by_what_its_alerts_share() -> None:
    matchers = for_incident(7, {}, [TILL, STOCK])
    assert [str(matcher) for matcher in matchers] == ['service="shop"', 'severity=~"medium|low"']


def test_or_else_by_their_names_alone() -> None:
    matchers = for_incident(7, {"service": ""}, [TILL | {"service": "x"}, STOCK, OTHER])
    assert all(match_all(matchers, labels) for labels in (TILL, STOCK, OTHER))
    assert not match_all(matchers, STOCK | {"check": "stockxv2"})


def test_alerts_without_anything_in_common_are_left_to_a_person() -> None:
    with pytest.raises(Conflict, match="incident #7 have no label in common"):
        for_incident(7, {}, [{"a": "1", "severity": "low"}, {"b": "1", "severity": "low"}])


LABELS = st.dictionaries(
    st.sampled_from(["check", "service", "host", "alertname"]),
    st.text(max_size=4).filter(lambda t: "\0" not in t),
    max_size=4,
)


@given(
    group=st.sets(st.sampled_from(["check", "service", "host"])),
    alerts=st.lists(st.tuples(LABELS, st.sampled_from(["critical", "high", "medium", "low"])), min_size=1, max_size=5),
)
def test_whatever_the_labels_a_silence_of_an_incident_takes_all_of_its_alerts(
    group: set[str], alerts: list[tuple[dict[str, str], str]]
) -> None:
    subjects = [labels | {"severity": severity, "origin": "healthmgr"} for labels, severity in alerts]
    shared = {name: subjects[0].get(name, "") for name in group}
    members = [one for one in subjects if all(one.get(name, "") == value for name, value in shared.items())]
    try:
        matchers = for_incident(1, shared, members)
    except Conflict:
        return
    assert all(match_all(matchers, one) for one in members)
    assert not match_all(matchers, {"severity": "low"})


# ---- Whatever is done --------------------------------------------------------------------------------

DRAFTS = st.builds(
    lambda matchers, starts, ends: draft(matchers, starts_at=starts, ends_at=ends),
    st.sampled_from(["a=1", "b=1", "a=1,b=1"]),
    st.none() | st.integers(-3, 5).map(lambda hours: NOW + hours * HOUR),
    st.integers(-3, 6).map(lambda hours: NOW + hours * HOUR),
)


@given(st.lists(st.tuples(DRAFTS, st.integers(0, 3)), max_size=8))
def test_whatever_is_changed_the_past_of_a_silence_stays_as_it_was(steps: list[tuple[Draft, int]]) -> None:
    """A silence never changes what it mutes, nor when what has begun began; nothing is muted before it is wanted."""
    kept: dict[UUID, Silence] = {}
    latest: Silence | None = None
    now: datetime = NOW
    for number, (wanted, hours) in enumerate(steps):
        now += hours * HOUR
        try:
            saving = decide(wanted, latest, UUID(int=number + 10), now)
        except DefinitionError:
            continue
        for stored in filter(None, (saving.over, saving.silence)):
            before = kept.get(stored.id)
            if before is None:
                assert stored.starts_at >= now
            else:
                assert set(before.matchers) == set(stored.matchers)
                assert before.starts_at == stored.starts_at or before.state(now) is SilenceState.PENDING
                assert before.state(now) is not SilenceState.EXPIRED
            kept[stored.id] = stored
        assert saving.silence.state(now) is not SilenceState.EXPIRED
        assert sum(one.state(now) is not SilenceState.EXPIRED for one in kept.values()) == 1
        latest = saving.silence
