"""Overrides, temporary schedules, swaps, calendars and the look ahead, over real rows and a real web server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier
from uuid import UUID

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import Engine, text
from werkzeug import Request, Response

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.calendar import zone
from healthmgr.domain.rotation import Rotation, Unit
from healthmgr.domain.schedule import FixedShift, Layer, Override, Temporary
from healthmgr.domain.swap import Stretch, Swap
from healthmgr.domain.timewindow import parse_time_interval
from healthmgr.errors import Conflict, DefinitionError, NotFound, NotPermitted
from healthmgr.fetching import fetch_calendar
from healthmgr.services.feeding import Feeding, Fetched
from healthmgr.services.rostering import Answer, Hand
from healthmgr.settings import Settings
from healthmgr.storage.feeding_rows import FeedingRows
from healthmgr.storage.transactions import Transactions
from tests.builders import make_recipient

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a Monday
DAY = timedelta(days=1)
ADMIN = Hand("root", "cli")


@pytest.fixture
def healthmgr(engine: Engine, database_url: str) -> Iterator[Healthmgr]:
    built = build(Settings(database_url=database_url, secret_key="s" * 32, public_url="https://hm.example.com"))
    for name in ("alice", "bob", "carol"):
        make_recipient(engine, name, mail=f"{name}@example.com")
    yield built
    built.close()


def given_schedule(engine: Engine, name: str, *layers: Layer, feeds: dict[str, str] | None = None) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO schedules (name, timezone, layers, feeds, is_enabled, managed_by, updated_at) "
                "VALUES (:name, 'UTC', :layers, :feeds, true, 'test', :now)"
            ),
            {
                "name": name,
                "layers": json.dumps([layer.to_document() for layer in layers]),
                "feeds": json.dumps(feeds or {}),
                "now": NOW - DAY,
            },
        )


def weekly(*members: str) -> Layer:
    return Layer("weekly", rotation=Rotation(members, NOW.replace(tzinfo=None), zone("UTC")))


def on_call(healthmgr: Healthmgr, at: datetime, schedule: str = "primary") -> list[str]:
    return healthmgr.oncall.reading.schedule(schedule, at, 1, NOW).on_call


# ---- overrides and temporary schedules -------------------------------------------------------------


def test_an_override_holds_in_its_time_alone_and_is_on_the_audit_log(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice", "bob"))
    wanted = Override(NOW + DAY, NOW + 2 * DAY, add="carol", remove="alice")
    healthmgr.oncall.rostering.override("primary", wanted, ADMIN, NOW, "dentist")
    assert on_call(healthmgr, NOW) == ["alice"]
    assert on_call(healthmgr, NOW + DAY) == ["carol"]
    assert on_call(healthmgr, NOW + 2 * DAY) == ["alice"]
    with engine.connect() as connection:
        row = connection.execute(text("SELECT actor, action, target FROM audit_entries")).one()
    assert tuple(row) == ("root", "oncall.override_added", "primary")


def test_taking_the_last_one_off_tells_when_nobody_is_left(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice"))
    changed = healthmgr.oncall.rostering.override("primary", Override(NOW, NOW + DAY, remove="alice"), ADMIN, NOW)
    assert [(span.starts_at, span.ends_at) for span in changed.unattended] == [(NOW, NOW + DAY)]


@pytest.mark.parametrize(
    "wanted",
    [
        Override(NOW, NOW + DAY, add="alice"),  # she is on call already
        Override(NOW, NOW + DAY, remove="bob"),  # he is not
        Override(NOW, NOW + DAY, add="carol", remove="bob"),
    ],
)
def test_an_override_that_would_change_nothing_is_refused(
    wanted: Override, healthmgr: Healthmgr, engine: Engine
) -> None:
    given_schedule(engine, "primary", weekly("alice", "bob"))
    with pytest.raises(Conflict, match="changes nothing: alice is on call"):
        healthmgr.oncall.rostering.override("primary", wanted, ADMIN, NOW)


def test_what_is_not_known_is_named_with_what_may_be_meant(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice"))
    override = Override(NOW, NOW + DAY, add="bobb")
    with pytest.raises(NotFound, match="did you mean 'bob'"):
        healthmgr.oncall.rostering.override("primary", override, ADMIN, NOW)
    with pytest.raises(NotFound, match="did you mean 'primary'"):
        healthmgr.oncall.rostering.override("primry", Override(NOW, NOW + DAY, add="bob"), ADMIN, NOW)
    with pytest.raises(DefinitionError, match="lie ahead"):
        healthmgr.oncall.rostering.override("primary", Override(NOW - DAY, NOW, add="bob"), ADMIN, NOW)


def test_a_schedule_that_changes_too_often_is_not_looked_at_for_a_year(healthmgr: Healthmgr, engine: Engine) -> None:
    hourly = [
        Layer(f"hourly {n}", rotation=Rotation(("alice", "bob"), NOW.replace(tzinfo=None), zone("UTC"), Unit.HOUR))
        for n in range(3)
    ]
    given_schedule(engine, "primary", *hourly)
    with pytest.raises(DefinitionError, match="ask for a shorter time"):
        healthmgr.oncall.rostering.override("primary", Override(NOW, NOW + 366 * DAY, add="carol"), ADMIN, NOW)
    assert healthmgr.oncall.rostering.override("primary", Override(NOW, NOW + 90 * DAY, add="carol"), ADMIN, NOW)


def test_a_bound_hand_changes_what_is_about_himself_alone(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice"))
    bob = Hand("bob", "api", is_bound=True)
    with pytest.raises(NotPermitted):
        healthmgr.oncall.rostering.override("primary", Override(NOW, NOW + DAY, add="carol"), bob, NOW)
    kept = healthmgr.oncall.rostering.override("primary", Override(NOW, NOW + DAY, add="bob"), bob, NOW).change
    with pytest.raises(NotPermitted):
        healthmgr.oncall.rostering.remove(kept.id, Hand("carol", "api", is_bound=True), NOW)
    healthmgr.oncall.rostering.remove(kept.id, bob, NOW)
    assert on_call(healthmgr, NOW) == ["alice"]


def test_of_an_override_that_has_begun_what_was_stays_as_it_was(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice"))
    wanted = Override(NOW, NOW + 4 * DAY, add="bob", remove="alice")
    kept = healthmgr.oncall.rostering.override("primary", wanted, ADMIN, NOW).change
    healthmgr.oncall.rostering.remove(kept.id, ADMIN, NOW + DAY)
    assert on_call(healthmgr, NOW) == ["bob"]
    assert on_call(healthmgr, NOW + DAY) == ["alice"]
    with pytest.raises(Conflict, match="over already"):
        healthmgr.oncall.rostering.remove(kept.id, ADMIN, NOW + DAY)


def test_a_temporary_schedule_replaces_layers_and_overrides(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice"))
    rostering = healthmgr.oncall.rostering
    wanted = Temporary(NOW, NOW + DAY, (FixedShift("carol", NOW, NOW + DAY / 2),))
    changed = rostering.replace_for_a_while("primary", wanted, ADMIN, NOW)
    assert on_call(healthmgr, NOW) == ["carol"]
    assert on_call(healthmgr, NOW + DAY / 2) == []
    assert [span.starts_at for span in changed.unattended] == [NOW + DAY / 2]
    with pytest.raises(Conflict, match="temporary schedule holds"):
        rostering.override("primary", Override(NOW, NOW + DAY, add="bob"), ADMIN, NOW)
    late = Temporary(NOW, NOW + DAY, (FixedShift("carol", NOW, NOW + 2 * DAY),))
    with pytest.raises(DefinitionError, match="reaches out"):
        rostering.replace_for_a_while("primary", late, ADMIN, NOW)


# ---- swaps -----------------------------------------------------------------------------------------


def proposed(healthmgr: Healthmgr) -> UUID:
    """Alice gives her Tuesday for bob's first day of the week after."""
    swap = Swap("alice", "bob", Stretch(NOW + DAY, NOW + 2 * DAY), Stretch(NOW + 7 * DAY, NOW + 8 * DAY))
    return healthmgr.oncall.rostering.propose("primary", swap, Hand("alice", "api", is_bound=True), NOW).id


def test_a_swap_changes_nothing_until_the_other_person_accepts(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice", "bob"))
    swap_id = proposed(healthmgr)
    assert on_call(healthmgr, NOW + DAY) == ["alice"]
    for by in ("alice", "carol"):
        with pytest.raises(NotPermitted):
            healthmgr.oncall.rostering.answer(swap_id, Answer.ACCEPT, by, ADMIN, NOW)
    hand = Hand("carol", "api", is_bound=True)
    with pytest.raises(NotPermitted):
        healthmgr.oncall.rostering.answer(swap_id, Answer.ACCEPT, "bob", hand, NOW)
    healthmgr.oncall.rostering.answer(swap_id, Answer.ACCEPT, "bob", Hand("bob", "api", is_bound=True), NOW)
    assert on_call(healthmgr, NOW + DAY) == ["bob"]
    assert on_call(healthmgr, NOW + 7 * DAY) == ["alice"]
    assert on_call(healthmgr, NOW + 8 * DAY) == ["bob"]
    with pytest.raises(Conflict, match="accepted already"):
        healthmgr.oncall.rostering.answer(swap_id, Answer.DECLINE, "bob", ADMIN, NOW)


def test_a_swap_is_declined_by_the_other_and_withdrawn_by_who_proposed_it(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice", "bob"))
    healthmgr.oncall.rostering.answer(proposed(healthmgr), Answer.DECLINE, "bob", ADMIN, NOW)
    second = proposed(healthmgr)
    with pytest.raises(NotPermitted):
        healthmgr.oncall.rostering.answer(second, Answer.WITHDRAW, "bob", ADMIN, NOW)
    healthmgr.oncall.rostering.answer(second, Answer.WITHDRAW, "alice", ADMIN, NOW)
    assert [one.state for one in healthmgr.oncall.reading.swaps("primary")] == ["withdrawn", "declined"]
    assert on_call(healthmgr, NOW + DAY) == ["alice"]


# ---- calendars -------------------------------------------------------------------------------------

CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:1
DTSTART:20260302T090000Z
DTEND:20260303T090000Z
SUMMARY:{who}
END:VEVENT
END:VCALENDAR
"""


def feeding(engine: Engine) -> Feeding:
    return Feeding(Transactions(engine, FeedingRows), fetch_calendar, {"HOST": "127.0.0.1"})


def test_a_calendar_is_read_again_only_when_it_has_changed(
    healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    asked: list[tuple[str, str]] = []

    def answer(request: Request) -> Response:
        asked.append((request.headers.get("If-None-Match", ""), request.headers.get("If-Modified-Since", "")))
        if request.headers.get("If-None-Match") == '"v1"':
            return Response(status=304)
        return Response(CALENDAR.format(who="Alice, nobody we know"), headers={"ETag": '"v1"'})

    httpserver.expect_request("/primary.ics").respond_with_handler(answer)
    address = httpserver.url_for("/primary.ics").replace("localhost", "127.0.0.1").replace("127.0.0.1", "${HOST}")
    given_schedule(engine, "primary", feeds={"primary": address})
    reader = feeding(engine)
    assert reader.refresh(lambda: NOW) == {"primary/primary": ""}
    assert on_call(healthmgr, NOW) == ["alice"]
    assert reader.refresh(lambda: NOW + timedelta(minutes=5)) == {}
    assert reader.refresh(lambda: NOW + timedelta(minutes=11)) == {"primary/primary": ""}
    assert asked == [("", ""), ('"v1"', "")]
    assert on_call(healthmgr, NOW) == ["alice"]
    feed = healthmgr.oncall.reading.schedule("primary", NOW, 1, NOW).feeds[0]
    assert (feed.unknown, feed.fault, feed.read_at) == (["nobody we know"], "", NOW + timedelta(minutes=11))


def test_a_calendar_of_overrides_goes_before_the_layers_as_long_as_it_names_somebody(
    healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/o.ics").respond_with_data(CALENDAR.format(who="carol@example.com"))
    given_schedule(engine, "primary", weekly("alice"), feeds={"overrides": httpserver.url_for("/o.ics")})
    feeding(engine).refresh(lambda: NOW)
    assert on_call(healthmgr, NOW) == ["carol"]
    assert on_call(healthmgr, NOW + DAY) == ["alice"]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (Response("gone", status=404), "answered 404 instead of a calendar"),
        (Response("<html>sign in</html>"), "no line of an iCalendar text"),
        (Response(CALENDAR[:120]), "cut off"),
        (Response("x" * 2_000_001), "larger than 2 MB"),
        (Response(status=302, headers={"Location": "file:///etc/passwd"}), "no address"),
        (Response(status=302, headers={"Location": "/primary.ics"}), "more than 5 times"),
    ],
)
def test_a_broken_calendar_keeps_the_last_good_content_and_says_so(
    answer: Response, fault: str, healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    answers = [Response(CALENDAR.format(who="alice"))]
    httpserver.expect_request("/primary.ics").respond_with_handler(lambda _: answers[0])
    given_schedule(engine, "primary", feeds={"primary": httpserver.url_for("/primary.ics")})
    reader = feeding(engine)
    reader.refresh(lambda: NOW)
    answers[0] = answer
    later = NOW + timedelta(minutes=20)
    assert fault in reader.refresh(lambda: later)["primary/primary"]
    assert on_call(healthmgr, NOW) == ["alice"]
    feed = healthmgr.oncall.reading.schedule("primary", NOW, 1, NOW).feeds[0]
    assert fault in feed.fault
    assert (feed.read_at, feed.failing_since) == (NOW, later)
    answers[0] = Response(CALENDAR.format(who="bob"))
    reader.refresh(lambda: later + timedelta(minutes=20))
    assert on_call(healthmgr, NOW) == ["bob"]
    assert healthmgr.oncall.reading.schedule("primary", NOW, 1, NOW).feeds[0].failing_since is None


def test_a_calendar_that_has_moved_is_read_at_once_and_holds_until_then(
    healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/old.ics").respond_with_data(CALENDAR.format(who="alice"))
    httpserver.expect_request("/new.ics").respond_with_data("", status=302, headers={"Location": "/real.ics"})
    httpserver.expect_request("/real.ics").respond_with_data(CALENDAR.format(who="bob"))
    given_schedule(engine, "primary", feeds={"primary": httpserver.url_for("/old.ics")})
    reader = feeding(engine)
    reader.refresh(lambda: NOW)
    with engine.begin() as connection:
        feeds = json.dumps({"primary": httpserver.url_for("/new.ics")})
        connection.execute(text("UPDATE schedules SET feeds = :feeds"), {"feeds": feeds})
    assert on_call(healthmgr, NOW) == ["alice"]
    reader.refresh(lambda: NOW + timedelta(seconds=1))
    assert on_call(healthmgr, NOW) == ["bob"]


def test_beyond_what_is_kept_of_calendars_nothing_is_said_to_be_wrong(
    healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/p.ics").respond_with_data(CALENDAR.format(who="alice"))
    given_schedule(engine, "primary", feeds={"primary": httpserver.url_for("/p.ics")})
    feeding(engine).refresh(lambda: NOW)
    view = healthmgr.oncall.reading.schedule("primary", NOW + 200 * DAY, 7, NOW)
    assert view.known_until == NOW + 100 * DAY
    assert view.findings == []
    assert [one.kind for one in healthmgr.oncall.reading.schedule("primary", NOW, 7, NOW).findings] == ["gap"]


def test_calendars_are_asked_at_the_same_time(healthmgr: Healthmgr, engine: Engine) -> None:
    """Neither is answered before the other has been asked."""
    both = Barrier(2, timeout=10)

    def answer(_: Request) -> Response:
        both.wait()
        return Response(CALENDAR.format(who="alice"))

    with HTTPServer(threaded=True) as server:
        for name in ("one", "two"):
            server.expect_request(f"/{name}.ics").respond_with_handler(answer)
            given_schedule(engine, name, feeds={"primary": server.url_for(f"/{name}.ics")})
        assert feeding(engine).refresh(lambda: NOW) == {"one/primary": "", "two/primary": ""}


def test_one_calendar_that_fails_for_an_unforeseen_reason_keeps_no_other_from_being_read(
    healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/two.ics").respond_with_data(CALENDAR.format(who="alice"))
    for name in ("one", "three", "two"):
        given_schedule(engine, name, feeds={"primary": httpserver.url_for(f"/{name}.ics")})

    def fetch(url: str, etag: str = "", modified: str = "") -> Fetched:
        if "two" not in url:
            raise RuntimeError("unforeseen")
        return fetch_calendar(url, etag, modified)

    with pytest.raises(RuntimeError, match="unforeseen"):
        Feeding(Transactions(engine, FeedingRows), fetch, {}).refresh(lambda: NOW)
    assert on_call(healthmgr, NOW, "two") == ["alice"]


def test_an_address_whose_secret_is_not_set_is_named_and_no_secret_is_told(
    healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/s3cret.ics").respond_with_data("", status=500)
    given_schedule(engine, "one", feeds={"primary": "https://example.com/${TOKEN}.ics"})
    given_schedule(engine, "two", feeds={"primary": httpserver.url_for("/s3cret.ics").replace("//", "//user:pass@")})
    faults = feeding(engine).refresh(lambda: NOW)
    assert "TOKEN" in faults["one/primary"]
    assert "answered 500" in faults["two/primary"]
    assert "s3cret" not in faults["two/primary"]
    assert "pass" not in faults["two/primary"]


# ---- the look ahead --------------------------------------------------------------------------------


def open_alerts(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT labels->>'kind', severity, summary FROM alerts WHERE resolved_at IS NULL ORDER BY 1, 3")
        )
        return [tuple(row) for row in rows]  # type: ignore[misc]


def test_a_gap_ahead_becomes_one_alert_that_ends_when_it_is_mended(healthmgr: Healthmgr, engine: Engine) -> None:
    ending = Layer("weekly", rotation=weekly("alice").rotation, ends_at=NOW + 10 * DAY)
    given_schedule(engine, "primary", ending)
    look_ahead = healthmgr.oncall.foreseeing.look_ahead
    assert look_ahead(NOW)
    assert open_alerts(engine) == [("gap", "low", "primary: nobody is on call from 2026-03-12 09:00 UTC on")]
    assert not look_ahead(NOW + timedelta(hours=1))
    assert look_ahead(NOW + 9 * DAY + timedelta(hours=1)), "what comes within a day is worth telling again"
    assert [severity for _, severity, _ in open_alerts(engine)] == ["medium"]
    wanted = Override(NOW + 9 * DAY, NOW + 60 * DAY, add="bob")
    healthmgr.oncall.rostering.override("primary", wanted, ADMIN, NOW)
    assert look_ahead(NOW + 9 * DAY + timedelta(hours=2))
    assert open_alerts(engine) == []


def test_hours_that_every_layer_leaves_out_are_told_to_nobody(healthmgr: Healthmgr, engine: Engine) -> None:
    working = parse_time_interval(
        {"weekdays": ["monday:friday"], "times": [{"start_time": "09:00", "end_time": "17:00"}]}
    )
    given_schedule(engine, "primary", Layer("days", people=("alice",), hours=(working,)))
    assert not healthmgr.oncall.foreseeing.look_ahead(NOW)
    assert open_alerts(engine) == []
    view = healthmgr.oncall.reading.schedule("primary", NOW, 7, NOW)
    assert view.findings == []
    assert all(span.is_meant for span in view.spans if not span.people)
    healthmgr.oncall.rostering.override("primary", Override(NOW, NOW + DAY, remove="alice"), ADMIN, NOW)
    healthmgr.oncall.foreseeing.look_ahead(NOW)
    assert [kind for kind, *_ in open_alerts(engine)] == ["gap"]


def test_somebody_in_two_schedules_at_once_is_told_once_for_both(healthmgr: Healthmgr, engine: Engine) -> None:
    given_schedule(engine, "primary", weekly("alice", "bob"))
    given_schedule(engine, "secondary", weekly("alice", "carol"))
    healthmgr.oncall.foreseeing.look_ahead(NOW)
    ((kind, severity, summary),) = open_alerts(engine)
    assert (kind, severity) == ("double_booking", "low")
    assert summary == (
        "alice is on call in primary and secondary at the same time from 2026-03-02 09:00 to 2026-03-09 09:00 UTC"
    )


def test_a_calendar_that_stays_unreadable_is_told_and_a_moment_of_it_is_not(
    healthmgr: Healthmgr, engine: Engine, httpserver: HTTPServer
) -> None:
    answers = [Response(CALENDAR.format(who="alice"))]
    httpserver.expect_request("/p.ics").respond_with_handler(lambda _: answers[0])
    given_schedule(engine, "primary", weekly("alice"), feeds={"overrides": httpserver.url_for("/p.ics")})
    reader, look_ahead = feeding(engine), healthmgr.oncall.foreseeing.look_ahead
    reader.refresh(lambda: NOW)
    answers[0] = Response(status=503)
    reader.refresh(lambda: NOW + timedelta(minutes=11))
    look_ahead(NOW + timedelta(minutes=20))
    assert open_alerts(engine) == []
    reader.refresh(lambda: NOW + timedelta(minutes=41))
    look_ahead(NOW + timedelta(minutes=42))
    ((kind, severity, summary),) = open_alerts(engine)
    assert (kind, severity) == ("calendar", "low")
    assert "answered 503" in summary
    assert "goes on holding" in summary
    answers[0] = Response(CALENDAR.format(who="alice"))
    reader.refresh(lambda: NOW + timedelta(minutes=52))
    look_ahead(NOW + timedelta(minutes=53))
    assert open_alerts(engine) == []
