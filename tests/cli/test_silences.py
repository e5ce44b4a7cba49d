"""`healthmgr silence` over real rows, as a person types it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from tests.builders import make_silence
from tests.cli.conftest import Terminal, Trouble

ADD = ("silence", "add", "check=session-manager", "--comment", "restarting it")


@pytest.fixture(autouse=True)
def labelled(engine: Engine, trouble: Trouble) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""UPDATE alerts SET labels = '{"check": "session-manager", "service": "identity"}' """)
        )


def test_adding_a_silence_says_until_when_and_what_is_quiet_now(terminal: Terminal) -> None:
    said = terminal(*ADD, "--for", "2h")
    assert said.code == 0, said.err
    assert said.out.startswith("Silenced until ")
    assert '(in 2 h): check="session-manager"' in said.out
    assert "1 open alert kept quiet" in said.out
    assert "Session manager is unhealthy" in said.out
    assert "#1: all of it, nobody is told of it." in said.out


def test_a_silence_holds_for_an_hour_if_nothing_else_is_said(terminal: Terminal) -> None:
    silence = terminal(*ADD, "--json").json["silence"]
    length = datetime.fromisoformat(silence["ends_at"]) - datetime.fromisoformat(silence["starts_at"])
    assert length == timedelta(hours=1)
    assert silence["created_by"] == "bob"
    assert silence["state"] == "active"


def test_a_silence_may_start_later_and_be_somebody_elses_wish(terminal: Terminal) -> None:
    said = terminal(
        *ADD, "--starts", "2100-01-01T10:00Z", "--until", "2100-01-01T12:00Z", "--author", "alice", "--json"
    )
    silence = said.json["silence"]
    assert (silence["starts_at"], silence["ends_at"]) == ("2100-01-01T10:00:00Z", "2100-01-01T12:00:00Z")
    assert (silence["state"], silence["created_by"]) == ("pending", "alice")


def test_a_dry_run_shows_the_same_and_keeps_nothing(terminal: Terminal) -> None:
    said = terminal(*ADD, "--dry-run")
    assert said.out.startswith("Would be silenced until ")
    assert "#1: all of it" in said.out
    assert terminal("silence", "list").out == "Nothing is silenced.\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("silence", "add", "service", "--comment", "x"), "write one of = != =~ !~"),
        (("silence", "add", 'service=~".*"', "--comment", "x"), "mute everything"),
        ((*ADD, "--for", "soon"), "not a duration"),
        ((*ADD, "--for", "2h", "--until", "18:00"), "not both"),
        ((*ADD, "--until", "2020-01-01"), "in the past"),
        ((*ADD, "--starts", "later"), "--starts"),
        (("silence", "add", "service=shop", "--comment", " "), "comment: is missing"),
        (("silence", "preview", "{"), "never closed"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(terminal: Terminal, words: tuple[str, ...], complaint: str) -> None:
    said = terminal(*words)
    assert said.code == 2
    assert complaint in said.err
    assert len(said.err.splitlines()) == 1
    assert not said.out


def test_silences_are_listed_shown_and_expired_by_a_piece_of_their_id(terminal: Terminal) -> None:
    silence = terminal(*ADD, "--json").json["silence"]
    piece = silence["id"][-8:]
    listed = terminal("silence", "list")
    assert piece in listed.out
    assert "restarting it" in listed.out
    shown = terminal("silence", "show", piece)
    assert silence["id"] in shown.out
    assert "Session manager is unhealthy" in shown.out
    assert terminal("silence", "expire", piece).out == f'Over: {piece} (check="session-manager")\n'
    assert terminal("silence", "list").out == "Nothing is silenced.\n"
    assert "expired" in terminal("silence", "list", "--all").out
    again = terminal("silence", "expire", piece)
    assert again.code == 1
    assert "over already" in again.err


def test_a_piece_of_an_id_that_fits_several_is_refused_with_their_names(terminal: Terminal, engine: Engine) -> None:
    ids = [f"0190aaaa-0000-7000-8000-00000000{number}" for number in ("1111", "2222")]
    for silence_id in ids:
        make_silence(engine, "service=shop", id=silence_id, ends_at=datetime(2100, 1, 1).astimezone())
    said = terminal("silence", "show", "0190aaaa")
    assert said.code == 1
    assert all(silence_id in said.err for silence_id in ids)
    assert terminal("silence", "show", "2222", "--json").json["silence"]["id"] == ids[1]
    unknown = terminal("silence", "show", "ffff")
    assert unknown.code == 1
    assert "silence list --all" in unknown.err


def test_silences_are_found_by_their_own_matchers(terminal: Terminal) -> None:
    terminal(*ADD)
    terminal("silence", "add", "service=shop", "--comment", "moving")
    found = terminal("silence", "list", "service=shop", "--json").json["items"]
    assert [one["matchers"] for one in found] == [['service="shop"']]


def test_a_preview_of_what_nothing_fits_says_so(terminal: Terminal) -> None:
    assert terminal("silence", "preview", "service=elsewhere").out == "No open alert fits now.\n"
    assert terminal("silence", "preview", "severity=critical", "--json").json["incidents"][0]["is_quiet"]


def test_the_timeline_of_the_incident_tells_of_the_silence_and_of_its_end(terminal: Terminal) -> None:
    silence = terminal(*ADD, "--json").json["silence"]
    terminal("silence", "expire", silence["id"])
    timeline = terminal("incidents", "show", "1", "--json").json["timeline"]
    assert [(entry["kind"], entry["actor"]) for entry in timeline] == [("muted", "bob"), ("unmuted", "bob")]
