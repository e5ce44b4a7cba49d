"""`healthmgr status`: what scripts and people get at a glance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from tests.builders import make_check, make_well
from tests.cli.conftest import Terminal, Trouble


def test_all_well_exits_0(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "database")
    make_well(engine, at=datetime.now(UTC) + timedelta(minutes=1))
    said = terminal("status")
    assert said.code == 0
    assert said.out.startswith("healthy, of 1 checks: 1 healthy\nOpen alerts: none")


def test_anything_bad_exits_1_and_is_shown(terminal: Terminal, trouble: Trouble) -> None:
    said = terminal("status")
    assert said.code == 1
    assert "Checks that are not healthy" in said.out
    assert "session-manager" in said.out
    assert "Open alerts: 1 critical; 1 not acknowledged" in said.out


def test_a_picture_that_may_be_old_is_no_good_news(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "database")
    said = terminal("status")
    assert said.code == 1
    assert "healthmgr itself is not well" in said.out
    assert "healthmgr beat" in said.out


def test_nothing_checked_is_no_good_news(terminal: Terminal, engine: Engine) -> None:
    make_well(engine, at=datetime.now(UTC) + timedelta(minutes=1))
    said = terminal("status")
    assert said.code == 1
    assert "healthmgr apply" in said.out


def test_a_paused_check_does_not_count(terminal: Terminal, engine: Engine) -> None:
    make_check(engine, "database")
    make_check(engine, "broken", status="unhealthy", is_paused=True)
    make_well(engine, at=datetime.now(UTC) + timedelta(minutes=1))
    said = terminal("status", "--json")
    assert said.code == 0
    assert said.json["status"]["checks"]["paused"] == 1
