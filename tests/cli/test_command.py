"""Incident command at the terminal, and the report."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, update

from healthmgr.storage.tables import incidents
from tests.builders import make_alert, make_channel, make_check, make_incident, make_recipient
from tests.cli.conftest import Terminal, Trouble


@pytest.fixture
def carol(engine: Engine) -> str:
    make_channel(engine, "pager", kind="webhook")
    make_recipient(engine, "carol", pager="carol")
    return "carol"


def test_somebody_is_asked_given_a_role_and_handed_the_incident(
    terminal: Terminal, trouble: Trouble, carol: str
) -> None:
    assert terminal("incidents", "ask", "1", carol).out.startswith("Asked; told carol over pager: #1")
    assert terminal("incidents", "role", "1", "Scribe", carol, "--as", "bob").out.startswith("Given; told carol")
    assert terminal("incidents", "role", "1", "scribe", carol, "--take").out.startswith("Taken: #1")
    assert terminal("incidents", "handover", "1", carol, "-m", "my train is here").out.startswith("Handed over; told")
    shown = terminal("incidents", "show", "1", "--json").json
    assert (shown["assignee"], shown["roles"]) == ("carol", [])
    assert [
        entry["kind"] for entry in shown["timeline"] if entry["kind"] in ("asked", "role_given", "handed_over")
    ] == [
        "asked",
        "role_given",
        "handed_over",
    ]


def test_escalating_and_declining_say_who_is_told(terminal: Terminal, trouble: Trouble) -> None:
    assert terminal("incidents", "escalate", "1").out.startswith("Escalated; told ")
    assert terminal("incidents", "decline", "1", "--as", "stranger").out.startswith("Noted; the present level had not")


def test_subscribers_tasks_and_updates(terminal: Terminal, trouble: Trouble, carol: str) -> None:
    assert terminal("incidents", "subscribe", "1", carol).out.startswith("carol hears of it: #1")
    assert terminal("incidents", "update", "1", "We are failing over").out.startswith("Said; told carol over pager")
    assert terminal("incidents", "subscribe", "1", carol, "--stop").out.startswith("carol hears of it no more")
    assert terminal("incidents", "task", "1", "Call the vendor", "--to", carol).out.startswith("Task 1: #1")
    assert terminal("incidents", "done", "1", "1").out.startswith("Done: Call the vendor: #1")
    refused = terminal("incidents", "done", "1", "1")
    assert refused.code != 0
    assert "no open task 1" in refused.err


def test_incidents_are_linked_and_merged(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    other = make_incident(engine, severity="low", opened_at=trouble.now)
    make_alert(engine, make_check(engine, "shop"), incident_id=other, opened_at=trouble.now)
    assert terminal("incidents", "link", "1", "2").out.startswith("Linked: #1")
    assert terminal("incidents", "merge", "1", "2").out.startswith("Merged, with 1 open alert: #1")
    assert terminal("incidents", "show", "2", "--json").json["number"] == 1


def test_a_report_is_written_in_markdown(terminal: Terminal, trouble: Trouble, tmp_path: Path, engine: Engine) -> None:
    terminal("incidents", "ack", "1", "--as", "alice")
    with engine.begin() as connection:
        connection.execute(update(incidents).values(resolved_at=trouble.now))
    text = terminal("incidents", "report", "1").out
    assert text.startswith("# Incident #1: ")
    for heading in ("Summary", "Impact", "Timeline", "Who was told what, and when", "Open questions"):
        assert f"\n## {heading}\n" in text
    assert "alice is on it" in text
    path = tmp_path / "report.md"
    assert terminal("incidents", "report", "1", "--out", str(path)).out == f"Written to {path}\n"
    assert path.read_text().splitlines()[0] == text.splitlines()[0]


def test_a_report_speaks_to_programs_as_well(terminal: Terminal, trouble: Trouble) -> None:
    found = terminal("incidents", "report", "1", "--json").json
    assert found["number"] == 1
    assert found["report"].startswith("# Incident #1: ")


def test_the_card_shows_what_surrounds_an_incident(terminal: Terminal, trouble: Trouble, carol: str) -> None:
    terminal("incidents", "role", "1", "commander", carol)
    terminal("incidents", "subscribe", "1", carol)
    terminal("incidents", "task", "1", "Call the vendor", "--to", carol)
    card = " ".join(terminal("incidents", "show", "1").out.split())
    assert "commander carol" in card
    assert "1. Call the vendor (carol)" in card
    assert "healthmgr incidents escalate 1" in card
