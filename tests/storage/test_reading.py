"""What people and programs read, from real rows."""

from __future__ import annotations

from datetime import timedelta
from time import perf_counter
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from healthmgr.errors import DefinitionError, NotFound
from healthmgr.storage.reading import Reading
from tests.builders import (
    NOW,
    make_alert,
    make_check,
    make_checks,
    make_delivery,
    make_incident,
    make_notification,
    make_pulse,
    make_result,
    make_transition,
    make_well,
)


@pytest.fixture
def reading(engine: Engine) -> Reading:
    return Reading(engine)


def test_a_check_is_read_with_its_state_parents_and_open_alert(engine: Engine, reading: Reading) -> None:
    make_check(engine, "network")
    make_check(engine, "database")
    api = make_check(engine, "api", depends_on=["network", "database"], status="unhealthy", last_metrics={"size": 3.0})
    make_alert(engine, api, resolved_at=NOW)
    alert = make_alert(engine, api)
    view = reading.check("api")
    assert (view.status, view.depends_on, view.open_alert_id) == ("unhealthy", ["database", "network"], alert)
    assert (view.interval, view.timeout, view.retry_interval) == (60.0, 10.0, 15.0)
    assert view.last_metrics == {"size": 3.0}
    assert view.next_due_at == NOW + timedelta(seconds=30)


def test_a_check_that_is_not_there_is_said_so(reading: Reading) -> None:
    for question in (reading.check, reading.results, reading.transitions):
        with pytest.raises(NotFound, match="no check 'ghost'"):
            question("ghost")


def test_a_paused_check_has_no_next_due_time(engine: Engine, reading: Reading) -> None:
    make_check(engine, "api", is_paused=True)
    assert reading.check("api").next_due_at is None


def test_pages_of_checks_join_to_the_whole_list_without_gap_or_repeat(engine: Engine, reading: Reading) -> None:
    slugs = [f"check-{n:02}" for n in range(11)]
    for slug in slugs:
        make_check(engine, slug)
    read, cursor = [], None
    while True:
        page = reading.checks(cursor=cursor, limit=4)
        read += [view.slug for view in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert read == slugs


def test_a_page_that_ends_exactly_at_the_last_item_has_no_next_one(engine: Engine, reading: Reading) -> None:
    make_check(engine, "one")
    make_check(engine, "two")
    assert reading.checks(limit=2).next_cursor is None


def test_checks_are_found_by_status_service_kind_and_text(engine: Engine, reading: Reading) -> None:
    make_check(engine, "api", service="Shop", status="unhealthy")
    make_check(engine, "database", kind="postgres", description="holds 100% of it")
    make_check(engine, "gone", is_enabled=False)

    def slugs(**filters: object) -> list[str]:
        return [view.slug for view in reading.checks(**filters).items]  # type: ignore[arg-type]

    assert slugs(status="unhealthy") == ["api"]
    assert slugs(service="Shop") == ["api"]
    assert slugs(kind="postgres") == ["database"]
    assert slugs(search="SHOP") == ["api"]
    assert slugs(search="100%") == ["database"]
    assert slugs(search="1_0") == []
    assert slugs() == ["api", "database"]
    assert slugs(include_disabled=True) == ["api", "database", "gone"]


@pytest.mark.parametrize("cursor", ["x", "!!", "bnVsbA", "W10", "e30", "WyIyMDI2Il0", "WyJ4IiwxXQ"])
def test_a_cursor_that_was_not_given_out_is_refused(engine: Engine, reading: Reading, cursor: str) -> None:
    make_check(engine, "api")
    with pytest.raises(DefinitionError, match="is not a cursor"):
        reading.results("api", cursor=cursor)
    with pytest.raises(DefinitionError, match="is not a cursor"):
        reading.alerts(cursor=cursor)


def test_unknown_filters_and_limits_are_refused_with_what_is_known(reading: Reading) -> None:
    with pytest.raises(DefinitionError, match="healthy, degraded, unhealthy, unknown"):
        reading.checks(status="broken")
    with pytest.raises(DefinitionError, match="open, firing"):
        reading.alerts(state="new")
    with pytest.raises(DefinitionError, match="critical, high"):
        reading.alerts(severity="bad")
    with pytest.raises(DefinitionError, match="1 to 1000"):
        reading.checks(limit=0)


def test_results_of_one_instant_are_paged_by_their_sequence(engine: Engine, reading: Reading) -> None:
    check = make_check(engine, "api")
    for sequence in range(1, 6):
        make_result(engine, check, sequence=sequence)
    make_result(engine, check, started_at=NOW - timedelta(days=1), sequence=0)
    first = reading.results("api", limit=3)
    rest = reading.results("api", limit=3, cursor=first.next_cursor)
    assert [view.sequence for view in first.items + rest.items] == [5, 4, 3, 2, 1, 0]
    assert rest.next_cursor is None


def test_transitions_come_newest_first(engine: Engine, reading: Reading) -> None:
    check = make_check(engine, "api")
    for minutes in range(3):
        make_transition(engine, check, at=NOW + timedelta(minutes=minutes), attempt=minutes)
    first = reading.transitions("api", limit=2)
    rest = reading.transitions("api", limit=2, cursor=first.next_cursor)
    assert [view.attempt for view in first.items + rest.items] == [2, 1, 0]


def test_an_alert_says_which_of_its_four_states_it_is_in(engine: Engine, reading: Reading) -> None:
    checks = {slug: make_check(engine, slug) for slug in ("firing", "acknowledged", "suppressed", "resolved")}
    root = make_alert(engine, checks["firing"], opened_at=NOW)
    make_alert(engine, checks["acknowledged"], opened_at=NOW + timedelta(1), acknowledged_at=NOW, acknowledged_by="ann")
    make_alert(engine, checks["suppressed"], opened_at=NOW + timedelta(2), suppressed_by_id=root)
    make_alert(engine, checks["resolved"], opened_at=NOW + timedelta(3), resolved_at=NOW, resolved_by="ann")

    def found(state: str) -> list[str]:
        views = reading.alerts(state=state).items
        assert all(view.state == view.check for view in views)
        return [view.check for view in views]

    for state in checks:
        assert found(state) == [state]
    assert found("open") == ["suppressed", "acknowledged", "firing"]
    assert found("all") == ["resolved", "suppressed", "acknowledged", "firing"]
    assert reading.alerts(state="suppressed").items[0].suppressed_by == "firing"


def test_alerts_are_paged_and_filtered(engine: Engine, reading: Reading) -> None:
    for number in range(5):
        check = make_check(engine, f"check-{number}")
        make_alert(engine, check, severity="critical" if number % 2 else "low")
    first = reading.alerts(limit=3)
    rest = reading.alerts(limit=3, cursor=first.next_cursor)
    assert len({view.id for view in first.items + rest.items}) == 5
    assert {view.check for view in reading.alerts(severity="critical").items} == {"check-1", "check-3"}
    assert [view.check for view in reading.alerts(check="check-2").items] == ["check-2"]


def test_an_alert_is_read_with_its_incident(engine: Engine, reading: Reading) -> None:
    incident = make_incident(engine)
    check = make_check(engine, "api", name="The API", service="shop", runbook_url="https://example.com/r")
    alert = make_alert(engine, check, incident_id=incident)
    view = reading.alert(alert)
    assert (view.incident_id, view.incident_number) == (incident, 1)
    assert (view.check, view.check_name, view.service, view.runbook_url) == (
        "api",
        "The API",
        "shop",
        "https://example.com/r",
    )
    with pytest.raises(NotFound, match="no alert"):
        reading.alert(uuid4())


def test_notifications_come_newest_first_with_their_attempts(engine: Engine, reading: Reading) -> None:
    incident = make_incident(engine)
    alert = make_alert(engine, make_check(engine, "api"), incident_id=incident)
    first = make_notification(engine, incident, recipient="ann")
    second = make_notification(engine, make_incident(engine), recipient="bob", state="failed", state_reason="refused")
    make_delivery(engine, first, attempt=2)
    make_delivery(engine, first, attempt=1, outcome="retry", detail="busy")
    page = reading.notifications()
    assert [view.id for view in page.items] == [second, first]
    assert [(d.attempt, d.outcome) for d in page.items[1].deliveries] == [(1, "retry"), (2, "accepted")]
    assert [view.recipient for view in reading.notifications(alert_id=alert).items] == ["ann"]
    assert [view.recipient for view in reading.notifications(state="failed").items] == ["bob"]
    assert [view.id for view in reading.notifications(recipient="ann").items] == [first]
    head = reading.notifications(limit=1)
    assert [view.id for view in reading.notifications(limit=1, cursor=head.next_cursor).items] == [first]


def test_the_whole_is_as_bad_as_its_worst_hard_status(engine: Engine, reading: Reading) -> None:
    assert reading.status(NOW).status == "unknown"
    make_check(engine, "good")
    assert reading.status(NOW).status == "healthy"
    make_check(engine, "soft", status="unhealthy", is_hard=False, hard_status="healthy")
    assert reading.status(NOW).status == "healthy"
    make_check(engine, "slow", status="degraded")
    assert reading.status(NOW).status == "degraded"
    make_check(engine, "down", status="unhealthy")
    assert reading.status(NOW).status == "unhealthy"


def test_paused_and_disabled_checks_do_not_colour_the_whole(engine: Engine, reading: Reading) -> None:
    make_check(engine, "good")
    make_check(engine, "paused", status="unhealthy", is_paused=True)
    make_check(engine, "gone", status="unhealthy", is_enabled=False)
    view = reading.status(NOW)
    assert (view.status, view.total_checks) == ("healthy", 2)
    assert view.checks == {"healthy": 1, "degraded": 0, "unhealthy": 0, "unknown": 0, "paused": 1}


def test_open_work_is_counted(engine: Engine, reading: Reading) -> None:
    checks = [make_check(engine, f"check-{n}") for n in range(4)]
    root = make_alert(engine, checks[0], severity="critical")
    make_alert(engine, checks[1], severity="critical", acknowledged_at=NOW)
    make_alert(engine, checks[2], severity="low", suppressed_by_id=root)
    make_alert(engine, checks[3], resolved_at=NOW)
    incident = make_incident(engine)
    make_notification(engine, incident, state="pending", due_at=NOW, sent_at=None)
    make_notification(engine, incident, state="sent", recipient="bob")
    view = reading.status(NOW)
    assert view.open_alerts == {"critical": 2, "high": 0, "medium": 0, "low": 1}
    assert (view.unacknowledged_alerts, view.pending_notifications) == (1, 1)


def test_everything_that_has_just_reported_is_well(engine: Engine, reading: Reading) -> None:
    make_well(engine)
    view = reading.health(NOW + timedelta(seconds=5))
    assert view.is_well
    assert {part.age for part in view.parts} == {5.0}
    assert {part.message for part in view.parts} == {""}


def test_without_any_sign_of_life_each_part_says_what_to_start(reading: Reading) -> None:
    view = reading.health(NOW)
    assert not view.is_well
    messages = {part.name: part.message for part in view.parts}
    assert "start a worker with -Q escalation" in messages["queue escalation"]
    assert "healthmgr beat" in messages["beat"]
    assert set(messages) >= {"sweep", "auditor", "queue checks", "queue upkeep"}


@pytest.mark.parametrize(
    ("silence", "unwell"),
    [
        (10, set()),
        (20, {"beat", "sweep"}),
        (40, {"beat", "sweep", "worker worker-1"}),
        (60, {"beat", "sweep", "worker worker-1", "queue checks", "queue recovery"}),
        (150, {"auditor"}),
    ],
)
def test_silence_makes_each_part_unwell_in_its_own_time(
    engine: Engine, reading: Reading, silence: int, unwell: set[str]
) -> None:
    make_well(engine)
    view = reading.health(NOW + timedelta(seconds=silence))
    found = {part.name for part in view.parts if not part.is_well}
    assert found >= unwell
    assert view.is_well is (not unwell)
    assert "auditor" in unwell or "auditor" not in found


def test_the_newest_of_several_beats_counts(engine: Engine, reading: Reading) -> None:
    make_well(engine)
    make_pulse(engine, "beat", "beat-2", NOW - timedelta(hours=3))
    assert reading.health(NOW).is_well


def test_a_worker_that_left_an_hour_ago_is_forgotten(engine: Engine, reading: Reading) -> None:
    make_well(engine)
    make_pulse(engine, "worker", "worker-2", NOW - timedelta(minutes=61))
    make_pulse(engine, "worker", "worker-3", NOW - timedelta(minutes=59))
    assert [p.name for p in reading.health(NOW).parts if not p.is_well] == ["worker worker-3"]


def test_what_the_auditor_found_makes_the_whole_unwell(engine: Engine, reading: Reading) -> None:
    make_well(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """UPDATE pulses SET detail = '{"findings": ["3 checks are overdue"]}' WHERE kind = 'auditor'"""
        )
    view = reading.health(NOW)
    assert not view.is_well
    assert next(p.message for p in view.parts if p.name == "auditor") == "3 checks are overdue"


def test_a_thousand_checks_are_read_within_200_milliseconds(engine: Engine, reading: Reading) -> None:
    make_checks(engine, (f"check-{number:04}" for number in range(1000)))
    reading.checks(limit=1)
    for question in (lambda: reading.checks(limit=1000), lambda: reading.overview(NOW)):
        begin = perf_counter()
        question()
        assert perf_counter() - begin < 0.2
