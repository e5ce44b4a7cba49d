"""`healthmgr maintenance` over real rows, as a person types it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from tests.cli.conftest import Terminal, Trouble

ADD = ("maintenance", "add", "move", "--matchers", "service=identity", "--comment", "a new rack")


@pytest.fixture(autouse=True)
def labelled(engine: Engine, trouble: Trouble) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("""UPDATE alerts SET labels = '{"check": "session-manager", "service": "identity"}' """)
        )


def test_a_window_from_now_on_says_until_when_and_what_is_held_back(terminal: Terminal) -> None:
    said = terminal(*ADD, "--for", "2h")
    assert said.code == 0, said.err
    assert said.out.startswith("Planned: move, open until ")
    assert "#1: all of it, nobody is told of it." in said.out
    listed = terminal("maintenance", "list", "--json").json["items"]
    assert [(one["name"], one["state"], one["managed_by"], one["created_by"]) for one in listed] == [
        ("move", "open", "api", "bob")
    ]


def test_a_window_in_civil_time_opens_by_the_clocks_of_its_zone(terminal: Terminal) -> None:
    words = ("--from", "2100-07-01T22:00", "--to", "2100-07-02T02:00", "--timezone", "Europe/Berlin")
    said = terminal(*ADD, *words)
    assert said.out == "Planned: move, opens 2100-07-01 20:00 to 2100-07-02 00:00 UTC\n"


@pytest.mark.parametrize(
    ("words", "window"),
    [
        (
            ("--cron", "0 2 * * 0", "--for", "2h", "--timezone", "Europe/Berlin"),
            {"cron": "0 2 * * 0", "duration": "2h", "timezone": "Europe/Berlin"},
        ),
        (
            ("--rrule", "FREQ=WEEKLY;BYDAY=SU", "--from", "2026-01-04T02:00", "--for", "90m"),
            {"rrule": "FREQ=WEEKLY;BYDAY=SU", "dtstart": "2026-01-04T02:00:00", "duration": "1h30m", "timezone": "UTC"},
        ),
    ],
)
def test_a_window_comes_again_by_cron_or_by_a_rule(
    terminal: Terminal, words: tuple[str, ...], window: dict[str, str]
) -> None:
    view = terminal(*ADD, *words, "--json").json["window"]
    assert view["window"] == window
    length = datetime.fromisoformat(view["next"]["ends_at"]) - datetime.fromisoformat(view["next"]["starts_at"])
    assert length in (timedelta(hours=2), timedelta(minutes=90))
    assert datetime.fromisoformat(view["next"]["starts_at"]) > datetime.now(UTC)


def test_a_dry_run_plans_nothing(terminal: Terminal) -> None:
    said = terminal(*ADD, "--for", "2h", "--dry-run")
    assert said.out.startswith("Would be planned: move, open until ")
    assert terminal("maintenance", "list").out == "No maintenance is planned.\n"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "--for"),
        (("--cron", "0 2 * * 0", "--rrule", "FREQ=DAILY", "--for", "2h"), "--rrule: does not go with --cron"),
        (("--to", "2100-01-01T00:00Z", "--for", "2h"), "--to: does not go with --for"),
        (("--cron", "soon", "--for", "2h"), "cron"),
        (("--rrule", "FREQ=DAILY", "--for", "2h"), "--from"),
        (("--for", "2h", "--from", "2100-01-01T00:00", "--timezone", "Berlin"), "no time zone 'Berlin'"),
        (("--for", "2h", "--from", "2020-01-01T00:00Z"), "over before it begins"),
    ],
)
def test_times_that_do_not_go_together_are_refused_in_one_line(
    terminal: Terminal, words: tuple[str, ...], complaint: str
) -> None:
    said = terminal(*ADD, *words)
    assert said.code == 2, said.out
    assert complaint in said.err
    assert len(said.err.splitlines()) == 1


def test_a_window_that_is_ended_early_is_over_and_cannot_be_ended_again(terminal: Terminal) -> None:
    terminal(*ADD, "--for", "2h")
    ended = terminal("maintenance", "end", "move")
    assert ended.out == "Over: move\n"
    assert terminal("maintenance", "show", "move", "--json").json["window"]["state"] == "over"
    again = terminal("maintenance", "end", "move")
    assert again.code == 1
    assert "not open now; it never opens again" in again.err


def test_a_files_window_is_ended_here_and_deleted_there(terminal: Terminal, engine: Engine) -> None:
    terminal(*ADD, "--for", "2h")
    with engine.begin() as connection:
        connection.execute(text("UPDATE maintenance_windows SET managed_by = 'healthmgr.yaml'"))
    refused = terminal("maintenance", "delete", "move")
    assert refused.code == 1
    assert "defined by healthmgr.yaml: delete it there" in refused.err
    assert "healthmgr maintenance end move" in refused.err
    assert terminal("maintenance", "end", "move").code == 0


def test_a_window_is_deleted(terminal: Terminal) -> None:
    terminal(*ADD, "--for", "2h")
    assert terminal(*ADD, "--for", "2h").code == 1
    assert terminal("maintenance", "delete", "move").out == "Deleted: move\n"
    missing = terminal("maintenance", "delete", "move")
    assert missing.code == 1
    assert "maintenance list" in missing.err


def test_what_depends_on_a_check_is_shown_where_it_is_covered(terminal: Terminal) -> None:
    alone = terminal("maintenance", "preview", "check=database")
    assert alone.out == "For 1 check: database.\nNo open alert fits now.\n"
    covered = terminal("maintenance", "preview", "check=database", "--covers-dependents")
    assert "session-manager" in covered.out


def test_a_window_is_shown_with_all_that_is_known_of_it(terminal: Terminal) -> None:
    terminal(*ADD, "--for", "2h", "--covers-dependents", "--as", "alice")
    shown = terminal("maintenance", "show", "move")
    for words in ("move", "open", 'service="identity"', "a new rack", "alice", "api", "Session manager is unhealthy"):
        assert words in shown.out
