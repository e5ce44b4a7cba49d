"""`healthmgr checks`."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select

from healthmgr.services.pinging import ping_key
from healthmgr.storage.tables import audit_entries, check_schedules, checks
from tests.builders import make_check, make_result
from tests.cli.conftest import Terminal, Trouble


def test_checks_are_listed_with_state_and_message(terminal: Terminal, trouble: Trouble) -> None:
    said = terminal("checks", "list")
    assert said.out.splitlines()[0].split() == ["CHECK", "STATUS", "FOR", "MESSAGE"]
    assert "session-manager  unhealthy  5 min" in said.out
    assert "connection refused by 127.0.0.1:8401" in said.out


def test_a_soft_state_and_flapping_and_pausing_are_said(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "soft", status="unhealthy", is_hard=False, attempt=2)
    make_check(engine, "restless", is_flapping=True)
    make_check(engine, "quiet", is_paused=True)
    make_check(engine, "gone", is_enabled=False)
    make_check(engine, "new", status="unknown", last_result_at=None, since_at=None)
    out = terminal("checks", "list", "--all").out
    for words in ("unhealthy (try 2/3)", "healthy (flapping)", "paused", "disabled", "not probed"):
        assert words in out


def test_into_a_pipe_a_check_is_one_whole_line(terminal: Terminal, engine: Engine) -> None:
    slug = "a" * 63
    make_check(engine, slug, last_message="word " * 100)
    lines = terminal("checks", "list").out.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith(slug)
    assert lines[1].endswith("word")


def test_colours_are_for_terminals_and_not_for_those_who_refuse_them(terminal: Terminal, trouble: Trouble) -> None:
    terminal.set(FORCE_COLOR="1")
    assert "\x1b[1;31munhealthy" in terminal("checks", "list").out
    terminal.set(NO_COLOR="1")
    assert "\x1b[1;31m" not in terminal("checks", "list").out


def test_what_a_target_said_cannot_steer_the_terminal(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "evil", last_message="\x1b]0;owned\x07\x1b[2J\r\nfake  healthy\u202e[bold]")
    for words in (("list",), ("show", "evil")):
        out = terminal("checks", *words).out
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(out)
        assert "[bold]" in out
        assert "\nfake" not in out


def test_a_long_list_is_read_on_with_its_cursor(terminal: Terminal, engine: Engine) -> None:
    for number in range(3):
        make_check(engine, f"check-{number}")
    first = terminal("checks", "list", "--limit", "2")
    assert "2 checks shown" in first.err
    cursor = first.err.split("--cursor ")[1].strip()
    second = terminal("checks", "list", "--limit", "2", "--cursor", cursor, "--json")
    assert [check["slug"] for check in second.json["items"]] == ["check-2"]
    assert second.json["next_cursor"] is None


def test_results_are_paged_newest_first(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    for number in range(3):
        make_result(
            engine, trouble.check_id, started_at=trouble.now - timedelta(milliseconds=number + 1), sequence=6 - number
        )
    first = terminal("checks", "results", "session-manager", "--limit", "3", "--json").json
    rest = terminal("checks", "results", "session-manager", "--cursor", first["next_cursor"], "--json").json
    assert [result["sequence"] for result in first["items"] + rest["items"]] == [7, 6, 5, 4]


def test_a_card_shows_limits_breaches_history_and_the_way_on(terminal: Terminal, trouble: Trouble) -> None:
    out = terminal("checks", "show", "session-manager").out
    for words in (
        "active_sessions 3 < 5 (critical)",
        "response_time 6.2 > 1s (warning)",
        "active_sessions < 5",
        "database",
        "https://wiki.example.com/session-manager",
        "firing, incident #1: healthmgr alerts show session-manager",
        "Latest results",
        "connection refused",
        "Latest changes",
    ):
        assert words in out, words


def test_a_heartbeat_shows_the_address_to_ping(terminal: Terminal, engine: Engine) -> None:
    check_id = make_check(engine, "nightly-backup", kind="heartbeat", config={"period": "1d"})
    key = ping_key("0123456789abcdef0123456789abcdef", check_id)
    url = f"https://health.example.com/ping/nightly-backup/{key}"
    assert f"curl -fsS -m 10 --retry 5 {url}" in terminal("checks", "show", "nightly-backup").out
    assert terminal("checks", "show", "nightly-backup", "--json").json["ping_url"] == url


def test_without_a_secret_key_a_heartbeat_says_what_to_set(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "nightly-backup", kind="heartbeat", config={"period": "1d"})
    terminal.set(HEALTHMGR_SECRET_KEY="")
    said = terminal("checks", "show", "nightly-backup")
    assert said.code == 0
    assert "set HEALTHMGR_SECRET_KEY" in said.out


def test_a_check_that_is_not_there_is_said_so(terminal: Terminal) -> None:
    for words in (("show", "nope"), ("results", "nope"), ("run", "nope"), ("pause", "nope"), ("resume", "nope")):
        said = terminal("checks", *words)
        assert (said.code, said.out) == (1, "")
        assert "'nope'" in said.err


def test_pausing_and_resuming_are_recorded_under_the_users_name(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    assert terminal("checks", "pause", "database", "--json").json["is_paused"] is True
    assert terminal("checks", "resume", "database", "--as", "alice", "--json").json["is_paused"] is False
    with engine.connect() as connection:
        rows = connection.execute(select(audit_entries.c.actor, audit_entries.c.origin).order_by(audit_entries.c.at))
        assert rows.all() == [("bob", "cli"), ("alice", "cli")]


def test_resuming_what_is_not_paused_is_a_conflict(terminal: Terminal, trouble: Trouble) -> None:
    said = terminal("checks", "resume", "database")
    assert said.code == 1
    assert "not paused" in said.err


def test_an_ordered_probe_is_due_now(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    assert terminal("checks", "run", "database").out == "A probe is ordered: database\n"
    joined = check_schedules.join(checks, checks.c.id == check_schedules.c.check_id)
    due = select(check_schedules.c.next_due_at, check_schedules.c.cause).select_from(joined)
    with engine.connect() as connection:
        at, cause = connection.execute(due.where(checks.c.slug == "database")).one()
    assert cause == "request"
    assert abs(at - datetime.now(UTC)) < timedelta(seconds=30)


def test_waiting_prints_the_result_of_the_order_and_not_an_older_one(
    terminal: Terminal, trouble: Trouble, engine: Engine
) -> None:
    def answer() -> None:
        make_result(
            engine,
            trouble.check_id,
            started_at=datetime.now(UTC) + timedelta(seconds=1),
            sequence=8,
            message="200 OK",
        )

    worker = threading.Timer(0.4, answer)
    worker.start()
    said = terminal("checks", "run", "session-manager", "--wait", "--timeout", "20s")
    worker.join()
    assert said.code == 0, said.err
    assert "session-manager is healthy: 200 OK (10 ms)" in said.out


def test_waiting_exits_1_for_a_bad_result(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    make_result(engine, trouble.check_id, started_at=soon, sequence=8, status="unhealthy", message="down")
    said = terminal("checks", "run", "session-manager", "--wait", "--json")
    assert said.code == 1
    assert said.json["message"] == "down"


def test_waiting_in_vain_says_where_to_look(terminal: Terminal, trouble: Trouble) -> None:
    said = terminal("checks", "run", "database", "--wait", "--timeout", "200ms")
    assert (said.code, said.out) == (3, "")
    assert "healthmgr doctor" in said.err
    assert terminal("checks", "run", "database", "--wait", "--timeout", "soon").code == 2


def test_a_card_names_the_recovery_procedure_and_limits_on_what_was_never_measured(
    terminal: Terminal, engine: Engine
) -> None:
    limits = {"critical": {"hit_rat": "< 60"}}
    check_id = make_check(engine, "cache", recovery_procedure="clear_cache", thresholds=limits)
    make_result(engine, check_id, started_at=datetime.now(UTC), metrics={"hit_rate": 99.0})
    out = terminal("checks", "show", "cache").out
    assert "clear_cache" in out
    assert "hit_rat (did you mean hit_rate?)" in out
    said = terminal("checks", "show", "cache", "--json").json
    assert said["check"]["recovery_procedure"] == "clear_cache"
    assert said["unmeasured"] == ["hit_rat (did you mean hit_rate?)"]
