"""What an alert that others bring means here, and what becomes of the one that is open already."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from healthmgr.domain.check import Severity
from healthmgr.domain.incoming import (
    LONGEST_ANNOTATION,
    Admission,
    Begin,
    End,
    Ignore,
    IncomingAlert,
    Renew,
    Standing,
    admit,
    incoming,
    severity_of,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def bring(**over: Any) -> IncomingAlert:
    return incoming(**{"labels": {"alertname": "Down"}, "now": NOW, "starts_at": NOW - MINUTE} | over)


def standing(**over: Any) -> Standing:
    defaults = {
        "id": UUID(int=1),
        "group_key": "default:check=",
        "severity": Severity.MEDIUM,
        "started_at": NOW - 2 * MINUTE,
        "ends_at": NOW + MINUTE,
    }
    return Standing(**defaults | over)


def test_empty_labels_are_removed() -> None:
    assert bring(labels={"alertname": "Down", "job": ""}).labels == {"alertname": "Down"}


def test_the_severity_is_read_in_the_words_of_others() -> None:
    words = {"page": "critical", "Warning": "medium", "error": "high", "info": "low", " critical ": "critical"}
    assert {word: severity_of(word).value for word in words} == words
    assert severity_of("") is severity_of("purple") is Severity.MEDIUM
    assert bring(labels={"alertname": "x", "severity": "page"}).severity is Severity.CRITICAL


def test_the_name_is_the_alertname_else_what_it_says_else_its_labels() -> None:
    said = {"description": "disk is full", "summary": ""}
    assert bring(annotations=said).name == "Down"
    assert bring(annotations=said).summary == "disk is full"
    assert bring(labels={"host": "a"}, annotations=said).name == "disk is full"
    assert bring(labels={"host": "a", "disk": "b"}).name == "disk=b, host=a"


def test_a_missing_start_is_the_end_or_now_and_a_start_in_the_future_is_now() -> None:
    assert bring(starts_at=None).starts_at == NOW
    assert bring(starts_at=None, ends_at=NOW - MINUTE).starts_at == NOW - MINUTE
    assert bring(starts_at=NOW + MINUTE).starts_at == NOW


@pytest.mark.parametrize(
    ("over", "said"),
    [
        ({"labels": {}}, "at least one label"),
        ({"labels": {"a": ""}}, "at least one label"),
        ({"labels": {"": "a"}}, "a label needs a name"),
        ({"labels": {f"l{n}": "x" for n in range(65)}}, "65 labels"),
        ({"labels": {"a": "x" * 5000}}, "longer than 4096"),
        ({"labels": {"a": "x\0"}}, "NUL"),
        ({"labels": {"a": "\ud800"}}, "UTF-8"),
        ({"annotations": {"a": "x\0"}}, "NUL"),
        ({"identity": {"key": "\udfff"}}, "UTF-8"),
        ({"starts_at": NOW, "ends_at": NOW - MINUTE}, "start time must be before end time"),
    ],
)
def test_what_no_alert_can_be_is_refused(over: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        bring(**over)


def test_long_annotations_are_cut_and_addresses_that_are_no_links_dropped() -> None:
    alert = bring(annotations={"a": "x" * 100_000}, source_url="javascript:alert(1)")
    assert len(alert.annotations["a"]) == LONGEST_ANNOTATION
    assert alert.source_url == ""
    assert bring(source_url="HTTPS://prometheus/graph").source_url == "HTTPS://prometheus/graph"


def test_times_at_the_ends_of_the_calendar_are_held_to_what_can_be_reckoned_with() -> None:
    east, west = timezone(timedelta(hours=14)), timezone(-timedelta(hours=12))
    alert = bring(starts_at=datetime.min.replace(tzinfo=east), ends_at=datetime.max.replace(microsecond=0, tzinfo=west))
    assert alert.starts_at.year == 1970
    assert alert.ends_at is not None
    assert alert.ends_at.year == 9000


def test_the_same_labels_are_the_same_problem_unless_the_source_names_it() -> None:
    one, other = bring(), bring(annotations={"a": "b"}, severity=Severity.LOW)
    assert one.fingerprint("door") == other.fingerprint("door") != one.fingerprint("other door")
    named = bring(identity={"key": "k"}), bring(labels={"alertname": "Up"}, identity={"key": "k"})
    assert named[0].fingerprint("door") == named[1].fingerprint("door") != one.fingerprint("door")


def test_a_firing_alert_opens_one_and_its_end_alone_opens_none() -> None:
    assert admit(bring(), None, None, NOW) == Begin()
    assert admit(bring(ends_at=NOW), None, None, NOW) == Ignore(Admission.NOT_OPEN)


def test_a_firing_alert_extends_the_open_one() -> None:
    there = standing()
    decision = admit(bring(ends_at=NOW + 4 * MINUTE), there, None, NOW)
    assert decision == Renew(there, started_at=there.started_at, ends_at=NOW + 4 * MINUTE)
    earlier = admit(bring(starts_at=NOW - 9 * MINUTE, ends_at=NOW + timedelta(seconds=1)), there, None, NOW)
    assert earlier == Renew(there, started_at=NOW - 9 * MINUTE, ends_at=there.ends_at)
    assert isinstance(admit(bring(), there, None, NOW), Renew)


def test_without_an_end_it_lasts_until_it_is_said_to_be_over() -> None:
    decision = admit(bring(), standing(ends_at=NOW + MINUTE), None, NOW)
    assert isinstance(decision, Renew)
    assert decision.ends_at is None


def test_a_rise_of_its_severity_is_told_and_a_fall_is_not() -> None:
    risen = admit(bring(severity=Severity.CRITICAL), standing(), None, NOW)
    fallen = admit(bring(severity=Severity.LOW), standing(), None, NOW)
    assert isinstance(risen, Renew)
    assert risen.is_told
    assert isinstance(fallen, Renew)
    assert not fallen.is_told


def test_one_that_began_after_the_open_one_had_ended_is_another() -> None:
    there = standing(ends_at=NOW - 2 * MINUTE)
    assert admit(bring(), there, None, NOW) == Begin(replaces=there)
    assert isinstance(admit(bring(starts_at=NOW - 3 * MINUTE), there, None, NOW), Renew), "they overlap"


def test_the_end_closes_it_but_not_the_end_of_an_earlier_occurrence() -> None:
    there = standing()
    assert admit(bring(ends_at=NOW), there, None, NOW) == End(there)
    late = bring(starts_at=NOW - 9 * MINUTE, ends_at=NOW - 5 * MINUTE)
    assert admit(late, there, None, NOW) == Ignore(Admission.EARLIER)


def test_what_a_person_closed_stays_closed_for_an_hour_unless_it_begins_anew() -> None:
    closed_at = NOW - timedelta(minutes=30)
    old = bring(starts_at=closed_at - MINUTE)
    assert admit(old, None, closed_at, NOW) == Ignore(Admission.HELD)
    assert admit(old, None, closed_at, closed_at + timedelta(hours=1)) == Begin()
    assert admit(bring(starts_at=closed_at + MINUTE), None, closed_at, NOW) == Begin()
