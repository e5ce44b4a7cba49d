"""`healthmgr promises`, `healthmgr alerts mark`, and what `healthmgr status` says of promises."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import Engine

from tests.builders import make_alert, make_check
from tests.cli.conftest import Terminal, Trouble


def test_each_promise_is_said_with_what_it_came_to(terminal: Terminal, trouble: Trouble) -> None:
    lines = terminal("promises").out.splitlines()
    assert lines[0] == "Over 7 d:"
    assert any(line.startswith("kept") and "0 % of 1 alerts were marked as false" in line for line in lines)
    assert any(line.startswith("-") and "resolution by runbooks: nothing to go by" in line for line in lines)
    assert terminal("promises", "--json", "--over", "24h").json["over"] == 86400
    assert "--over" in terminal("promises", "--over", "soon").err


def test_an_alert_is_marked_and_the_mark_taken_back(terminal: Terminal, trouble: Trouble) -> None:
    marked = terminal("alerts", "mark", "session-manager", "--false", "a slow switch")
    assert marked.out.startswith("Marked as false: session-manager")
    status = terminal("status")
    assert "NOT kept" in status.out
    assert "100 % of 1 alerts were marked as false; promised: under 5 %" in status.out
    assert terminal("status", "--json").json["promises"][3]["is_kept"] is False
    assert terminal("alerts", "mark", "session-manager", "--undo").code == 0
    assert terminal("alerts", "mark", "session-manager", "--undo").code == 1
    neither = terminal("alerts", "mark", "session-manager")
    assert (neither.code, "--undo" in neither.err) == (2, True)


def test_candidates_are_shown_with_why_they_are(terminal: Terminal, trouble: Trouble, engine: Engine) -> None:
    opened_at = trouble.now - timedelta(hours=1)
    make_alert(engine, make_check(engine, "blip"), opened_at=opened_at, resolved_at=opened_at + timedelta(seconds=9))
    out = terminal("promises").out
    assert "May have been false: 1" in out
    assert "over after 9 s" in out
