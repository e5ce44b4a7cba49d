"""`healthmgr alerts` and `healthmgr notifications`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, select

from healthmgr.storage.tables import alerts, audit_entries
from tests.builders import make_alert, make_check, make_delivery, make_notification
from tests.cli.conftest import Terminal, Trouble


def test_open_alerts_are_listed_for_people(terminal: Terminal, trouble: Trouble) -> None:
    out = terminal("alerts", "list").out
    assert out.splitlines()[0].split() == ["INC", "SEVERITY", "STATE", "OPENED", "CHECK", "SUMMARY"]
    assert out.splitlines()[1].split()[:3] == ["#1", "critical", "firing"]
    assert str(trouble.alert_id)[-6:] in terminal("alerts", "list", "--state", "all").out


def test_no_open_alert_is_said_in_words(terminal: Terminal) -> None:
    assert terminal("alerts", "list").out == "No open alerts.\n"
    assert terminal("alerts", "list", "--state", "all").out == "No alert fits.\n"


def test_a_card_tells_what_a_person_needs(terminal: Terminal, trouble: Trouble) -> None:
    out = terminal("alerts", "show", "session-manager").out
    for words in (
        "critical: Session manager is unhealthy",
        "(5 min ago)",
        "active_sessions 3 < 5 (critical)",
        "https://wiki.example.com/session-manager",
        "healthmgr alerts ack session-manager",
        "Who was told",
        "inbox",
        str(trouble.alert_id),
    ):
        assert words in out, words


def test_a_notification_that_did_not_arrive_says_why(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    row = make_notification(
        engine, trouble.incident_id, channel="hook", state="pending", sent_at=None, attempts=1, due_at=trouble.now
    )
    make_delivery(engine, row, outcome="retry", detail="503 Service Unavailable")
    for words in (("alerts", "show", "1"), ("notifications", "list"), ("notifications", "list", "--alert", "1")):
        assert "503 Service Unavailable" in terminal(*words).out
    only = terminal("notifications", "list", "--state", "pending", "--json").json["items"]
    assert [item["channel"] for item in only] == ["hook"]


def selectors(trouble: Trouble) -> dict[str, str]:
    whole = str(trouble.alert_id)
    return {
        "id": whole,
        "upper case": whole.upper(),
        "beginning": whole[:13],
        "end": whole[-6:],
        "slug": "session-manager",
        "number": "1",
        "number sign": "#1",
    }


@pytest.mark.parametrize("way", ["id", "upper case", "beginning", "end", "slug", "number", "number sign"])
def test_an_alert_can_be_named_in_many_ways(way: str, terminal: Terminal, trouble: Trouble) -> None:
    said = terminal("alerts", "ack", selectors(trouble)[way], "--json")
    assert said.code == 0, said.err
    acknowledged = said.json["items"]
    assert [UUID(alert["id"]) for alert in acknowledged] == [trouble.alert_id]
    assert acknowledged[0]["acknowledged_by"] == "bob"


def test_an_acknowledgement_carries_the_name_and_the_comment(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    assert terminal("alerts", "ack", "1", "--as", "alice", "-m", "on it").code == 0
    with engine.connect() as connection:
        entry = connection.execute(select(audit_entries)).mappings().one()
    assert (entry["actor"], entry["origin"], entry["detail"]["comment"]) == ("alice", "cli", "on it")
    shown = terminal("alerts", "show", "1").out
    assert "by alice" in shown
    assert "on it" in shown, "whoever comes later reads it"


def test_a_failing_check_whose_alert_was_closed_by_hand_says_so_and_until_when(
    terminal: Terminal, trouble: Trouble
) -> None:
    assert terminal("alerts", "resolve", "1", "--as", "alice", "-m", "known").code == 0
    slug = terminal("alerts", "show", str(trouble.alert_id), "--json").json["items"][0]["alert"]["check"]
    shown = " ".join(terminal("checks", "show", slug).out.split())
    assert "closed by alice; told again in 1 h" in shown or "closed by alice; told again in 59 min" in shown


def test_acknowledging_twice_is_a_conflict(terminal: Terminal, trouble: Trouble) -> None:
    assert terminal("alerts", "ack", "1").code == 0
    said = terminal("alerts", "ack", "1")
    assert said.code == 1
    assert "bob" in said.err


def test_a_piece_that_fits_several_alerts_is_refused_with_their_names(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    twin = UUID(str(trouble.alert_id)[:-1] + ("0" if str(trouble.alert_id)[-1] != "0" else "1"))
    make_alert(engine, make_check(engine, "twin", status="unhealthy"), id=twin)
    said = terminal("alerts", "ack", str(trouble.alert_id)[:13])
    assert said.code == 1
    assert str(twin) in said.err
    assert str(trouble.alert_id) in said.err


def test_what_names_no_alert_is_said_so(terminal: Terminal, trouble: Trouble) -> None:
    for selector in ("nope", "#99", "ffff", "database"):
        said = terminal("alerts", "show", selector)
        assert (said.code, said.out) == (1, "")
        assert selector in said.err
    assert terminal("alerts", "show", "00000000-0000-0000-0000-000000000000").code == 1


def test_an_incidents_number_means_all_of_its_alerts_that_are_left(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    for slug in ("left", "done"):
        make_alert(
            engine,
            make_check(engine, slug, status="unhealthy"),
            incident_id=trouble.incident_id,
            acknowledged_at=trouble.now if slug == "done" else None,
            acknowledged_by="carol" if slug == "done" else None,
        )
    said = terminal("alerts", "ack", "1", "--json")
    assert {alert["check"] for alert in said.json["items"]} == {"session-manager", "left"}
    with engine.connect() as connection:
        names = connection.execute(select(alerts.c.acknowledged_by).order_by(alerts.c.acknowledged_by)).scalars()
        assert list(names) == ["bob", "bob", "carol"]
    again = terminal("alerts", "ack", "1")
    assert again.code == 1
    assert "All 3 alerts" in again.err


def test_resolving_closes_and_a_closed_alert_is_still_shown(terminal: Terminal, trouble: Trouble) -> None:
    said = terminal("alerts", "resolve", "session-manager", "-m", "restarted it")
    assert said.code == 0, said.err
    assert said.out.startswith("Resolved: session-manager (#1, ")
    shown = terminal("alerts", "show", "session-manager").out
    assert "resolved" in shown
    assert "by bob after 5 min" in shown
    assert "What you can do" not in shown
    assert terminal("alerts", "resolve", str(trouble.alert_id)).code == 1


def test_alerts_are_filtered_and_paged(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    other = make_check(engine, "other", status="degraded")
    make_alert(engine, other, severity="low", opened_at=trouble.now - timedelta(days=1))
    low = terminal("alerts", "list", "--severity", "low", "--json").json["items"]
    assert [alert["check"] for alert in low] == ["other"]
    mine = terminal("alerts", "list", "--check", "session-manager", "--state", "firing", "--json").json["items"]
    assert [alert["check"] for alert in mine] == ["session-manager"]
    first = terminal("alerts", "list", "--limit", "1")
    assert "1 alerts shown" in first.err
    cursor = first.err.split("--cursor ")[1].strip()
    assert "other" in terminal("alerts", "list", "--cursor", cursor).out


def test_an_acknowledgement_may_have_an_end_and_be_taken_back(terminal: Terminal, trouble: Trouble) -> None:
    until = terminal("alerts", "ack", "1", "--for", "2h", "--json").json["items"][0]["acknowledged_until"]
    assert datetime.fromisoformat(until) - datetime.now(UTC) > timedelta(minutes=119)
    assert "in 1 h 59 min" in terminal("alerts", "show", "1").out
    assert terminal("alerts", "unack", "1", "--json").json["items"][0]["state"] == "firing"
    assert terminal("alerts", "unack", "1").code == 1, "nobody has it"


def test_an_alert_that_was_closed_by_hand_is_opened_again(terminal: Terminal, trouble: Trouble) -> None:
    assert terminal("alerts", "reopen", "session-manager").code == 1, "it is open"
    assert terminal("alerts", "resolve", "session-manager").code == 0
    said = terminal("alerts", "reopen", "session-manager", "-m", "not yet")
    assert said.code == 0, said.err
    assert said.out.startswith("Opened again: session-manager")
    assert terminal("alerts", "list", "--json").json["items"][0]["state"] == "firing"


def test_an_alert_that_came_through_a_door_has_a_card_without_a_check(terminal: Terminal, engine: Engine) -> None:
    row = make_alert(engine, None, origin="events", name="Disk is full", annotations={"disk": "/var"})
    assert "Disk is full" in terminal("alerts", "list").out
    out = terminal("alerts", "show", str(row)).out
    for words in ("Disk is full (from events)", "disk=/var", f"healthmgr alerts ack {row}"):
        assert words in out, words
    assert "checks run" not in out
    assert terminal("alerts", "ack", "disk is full").code == 0, "it is known by its name"


def test_what_a_provider_reports_later_is_seen_with_the_notification(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    row = make_notification(engine, trouble.incident_id, channel="phone", state="failed", attempts=1)
    make_delivery(engine, row, detail="201 queued", reported="undelivered: error 30003", reported_at=trouble.now)
    assert "undelivered: error 30003" in terminal("notifications", "list").out
