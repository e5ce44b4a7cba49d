"""`healthmgr incidents`."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Engine, select, update

from healthmgr.domain.check import Severity
from healthmgr.domain.notification import Told
from healthmgr.storage.tables import audit_entries, incidents
from tests.builders import make_alert, make_channel, make_check, make_entry, make_incident, make_recipient
from tests.cli.conftest import Terminal, Trouble


def flat(text: str) -> str:
    return " ".join(text.split())


def test_open_incidents_are_listed_for_people(terminal: Terminal, trouble: Trouble) -> None:
    lines = terminal("incidents", "list").out.splitlines()
    assert lines[0].split() == ["INC", "SEVERITY", "STATE", "OPENED", "ALERTS", "WHOSE", "WHAT"]
    assert lines[1].split()[:3] == ["#1", "critical", "firing"]
    assert "1/1" in lines[1]
    assert "Session manager" in lines[1]


def test_no_open_incident_is_said_in_words(terminal: Terminal) -> None:
    assert terminal("incidents", "list").out == "No open incidents.\n"
    assert terminal("incidents", "list", "--state", "all").out == "No incident fits.\n"


def test_incidents_are_listed_by_state_and_severity(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    make_incident(engine, severity="low", opened_at=trouble.now, resolved_at=trouble.now)
    make_incident(engine, severity="high", opened_at=trouble.now, acknowledged_at=trouble.now, acknowledged_by="bob")

    def numbers(*words: str) -> list[int]:
        return [item["number"] for item in terminal("incidents", "list", "--json", *words).json["items"]]

    assert sorted(numbers()) == [1, 3]
    assert numbers("--state", "resolved") == [2]
    assert numbers("--state", "acknowledged") == [3]
    assert numbers("--severity", "critical") == [1]
    assert sorted(numbers("--state", "all")) == [1, 2, 3]


def test_a_card_tells_what_a_person_needs_at_three_in_the_morning(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    lesser = make_check(engine, "shop", status="unhealthy")
    make_alert(
        engine,
        lesser,
        incident_id=trouble.incident_id,
        suppressed_by_id=trouble.alert_id,
        opened_at=trouble.now,
        summary="shop is down",
    )
    make_entry(
        engine, trouble.incident_id, "opened", at=trouble.now, detail={"severity": "critical", "route": "default"}
    )
    make_entry(engine, trouble.incident_id, "not_told", at=trouble.now, reason="in_maintenance")
    with engine.begin() as connection:
        changed = {"round_at": trouble.now + timedelta(minutes=30), "last_told_at": trouble.now, "assignee": "alice"}
        connection.execute(update(incidents).where(incidents.c.id == trouble.incident_id).values(**changed))
    out = flat(terminal("incidents", "show", "1").out)
    for words in (
        "#1 critical: Session manager",
        "state firing",
        "(5 min ago)",
        "whose alice",
        "1 open of 1",
        "fails with it shop",
        "told so far ops over inbox",
        "told next told again in 29 min",
        "runbook https://wiki.example.com/session-manager",
        "Session manager is unhealthy",
        "Opened as critical, by the route default",
        "Nobody was told, because it is in maintenance",
        "healthmgr incidents ack 1",
        "healthmgr incidents snooze 1 --for 1h",
    ):
        assert words in out, words


def test_the_card_of_what_is_over_asks_nothing_of_anybody(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    assert terminal("incidents", "resolve", "1").code == 0
    with engine.begin() as connection:
        connection.execute(update(incidents).values(resolved_at=trouble.now))
    out = flat(terminal("incidents", "show", "#1").out)
    assert "over " in out
    assert "after 5 min" in out
    assert "What you can do" not in out
    assert "told next" not in out


def test_a_long_timeline_shows_its_end_and_says_what_is_left_out(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    for number in range(45):
        make_entry(engine, trouble.incident_id, "commented", actor="bob", detail={"comment": f"word {number}"})
    out = terminal("incidents", "show", "1").out
    assert "5 earlier lines: add --all" in out
    assert "bob said: word 44" in out
    assert not re.search(r"word 4\n", out)
    assert "bob said: word 4\n" in terminal("incidents", "show", "1", "--all").out


@pytest.mark.parametrize("way", ["number", "number sign", "id"])
def test_an_incident_is_named_by_its_number_or_its_id(way: str, terminal: Terminal, trouble: Trouble) -> None:
    which = {"number": "1", "number sign": "#1", "id": str(trouble.incident_id)}[way]
    shown = terminal("incidents", "show", which, "--json").json
    assert (shown["number"], shown["id"]) == (1, str(trouble.incident_id))


def test_what_names_no_incident_is_said_so(terminal: Terminal, trouble: Trouble) -> None:
    for which in ("99", "#99", "session-manager", "00000000-0000-0000-0000-000000000000"):
        said = terminal("incidents", "show", which)
        assert (said.code, said.out) == (1, "")
        assert "incident" in said.err


def test_an_acknowledgement_with_an_end_is_kept_with_its_words_and_where_it_came_from(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    said = terminal("incidents", "ack", "1", "--for", "2h", "--as", "alice", "-m", "restarting it")
    assert said.code == 0, said.err
    assert re.match(r"Acknowledged until .* UTC: #1 Session manager", said.out)
    shown = terminal("incidents", "show", "1", "--json").json
    assert (shown["state"], shown["acknowledged_by"]) == ("acknowledged", "alice")
    out = flat(terminal("incidents", "show", "1").out)
    assert "acknowledged by alice" in out
    assert re.search(r"told next in 1 h 59 min, if it still fires", out)
    assert re.search(r"alice is on it until \S+ \S+ UTC: restarting it", out)
    with engine.connect() as connection:
        entry = connection.execute(select(audit_entries)).mappings().one()
    assert (entry["actor"], entry["origin"], entry["action"]) == ("alice", "cli", "incident.acknowledge")
    assert entry["detail"]["from"]


def test_acknowledging_twice_is_a_conflict_that_names_who_has_it(terminal: Terminal, trouble: Trouble) -> None:
    assert terminal("incidents", "ack", "1", "--as", "alice").code == 0
    said = terminal("incidents", "ack", "1")
    assert said.code == 1
    assert "alice" in said.err


def test_many_incidents_are_acknowledged_at_once_after_their_number_was_said(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    second = make_incident(engine, severity="high", opened_at=trouble.now)
    make_alert(engine, make_check(engine, "shop", status="unhealthy"), incident_id=second, severity="high")
    asked = terminal("incidents", "ack", "--all")  # nobody is there to say yes
    assert asked.code == 1
    assert "2 incidents would be acknowledged. Go on?" in asked.err
    assert [item["state"] for item in terminal("incidents", "list", "--json").json["items"]] == ["firing", "firing"]
    some = terminal("incidents", "ack", "--matchers", 'severity="high"', "--yes", "--for", "2h", "-m", "mine")
    assert re.fullmatch(r"Acknowledged until .+: 1 incident, #2\n", some.out), some.out
    assert terminal("incidents", "ack", "--all", "--yes", "--json").json == {"count": 1, "incidents": [1]}
    nothing = terminal("incidents", "ack", "--matchers", "severity=high,service=elsewhere")
    assert nothing.out == "No open incident that nobody has in hand fits.\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name one incident, or say --all, or --matchers"),
        (("1", "--all"), "one of the three"),
        (("--all", "--matchers", "a=b"), "one of the three"),
        (("1", "--yes"), "one incident is answered without a question"),
        (("--all", "--json"), "1 incident would be acknowledged: say so with --yes"),
        (("--matchers", "no matcher"), "matchers"),
        (("--all", "--for", "soon"), "--for"),
    ],
)
def test_what_is_to_be_acknowledged_has_to_be_clear(
    words: tuple[str, ...], said: str, terminal: Terminal, trouble: Trouble
) -> None:
    refused = terminal("incidents", "ack", *words)
    assert refused.code == 2
    assert said in flat(refused.err)
    assert terminal("incidents", "list", "--json").json["items"][0]["state"] == "firing"


def test_an_acknowledgement_is_taken_back(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    told = Told(frozenset({trouble.alert_id}), frozenset(), Severity.CRITICAL).to_document()
    with engine.begin() as connection:
        connection.execute(update(incidents).values(told=told))
    assert terminal("incidents", "unack", "1").code == 1, "nobody has it"
    assert terminal("incidents", "ack", "1").code == 0
    shown = terminal("incidents", "unack", "1", "--json").json
    assert (shown["state"], shown["acknowledged_by"]) == ("firing", None)


def test_a_snooze_needs_its_end(terminal: Terminal, trouble: Trouble) -> None:
    assert terminal("incidents", "snooze", "1").code == 2
    assert terminal("incidents", "snooze", "1", "--for", "soon").code == 2
    assert terminal("incidents", "snooze", "1", "--for", "1h", "--until", "18:00").code == 2
    assert terminal("incidents", "snooze", "1", "--until", "2001-01-01").code == 1, "that is past"
    said = terminal("incidents", "snooze", "1", "--for", "1h")
    assert said.code == 0, said.err
    assert terminal("incidents", "list", "--state", "snoozed", "--json").json["items"][0]["number"] == 1


def test_an_incident_is_given_to_somebody_and_taken_away(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    make_channel(engine, "mail")
    make_recipient(engine, "carol", mail="carol@example.com")
    assert terminal("incidents", "assign", "1").code == 2
    assert terminal("incidents", "assign", "1", "alice", "--nobody").code == 2
    assert terminal("incidents", "assign", "1", "carol").out.startswith("carol's, who is told over mail: #1")
    assert terminal("incidents", "assign", "1", "carol").code == 1, "it is already"
    assert terminal("incidents", "assign", "1", "nobody-we-know").code == 1, "he would not hear of it"
    assert terminal("incidents", "assign", "1", "bob").out.startswith("bob's: #1"), "who says so himself knows"
    assert terminal("incidents", "assign", "1", "--nobody", "--json").json["assignee"] is None


def test_a_comment_stands_on_the_timeline(terminal: Terminal, trouble: Trouble) -> None:
    assert terminal("incidents", "comment", "1", "the pool is full", "--as", "bob").code == 0
    assert "bob said: the pool is full" in terminal("incidents", "show", "1").out
    assert terminal("incidents", "comment", "1", " ").code == 1


def test_resolving_an_incident_closes_all_of_its_alerts(terminal: Terminal, trouble: Trouble) -> None:
    assert terminal("incidents", "resolve", "1", "-m", "moved away").code == 0
    assert terminal("alerts", "list").out == "No open alerts.\n"
    assert "bob closed all of it by hand: moved away" in terminal("incidents", "show", "1").out
