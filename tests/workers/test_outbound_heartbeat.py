"""Whoever watches healthmgr from outside hears it only while the auditor finds nothing."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

from pytest_httpserver import HTTPServer
from sqlalchemy import Engine, text

from healthmgr.bootstrap import build
from healthmgr.settings import Settings
from tests.builders import make_well
from workers import upkeep

URL = "HEALTHMGR_HEARTBEAT_URL"


def test_it_is_pinged_while_all_is_well_and_not_while_anything_is_overdue(
    httpserver: HTTPServer, engine: Engine, database_url: str
) -> None:
    httpserver.expect_request("/alive").respond_with_data("")
    healthmgr = build(Settings.load({"DATABASE_URL": database_url, URL: httpserver.url_for("/alive")}), worker="test")
    now = healthmgr.now()
    make_well(engine, now)

    def pings() -> int:
        before = len(httpserver.log)
        upkeep.audit.run.__func__(SimpleNamespace(healthmgr=healthmgr, now=now))
        return len(httpserver.log) - before

    assert pings() == 1
    with engine.begin() as connection:
        overdue = {"at": now - timedelta(minutes=2)}
        insert = "INSERT INTO dispatches (group_key, due_at, token, reason) VALUES ('shop', :at, 1, 'new')"
        connection.execute(text(insert), overdue)
    assert pings() == 0
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM dispatches"))
    assert pings() == 1
    healthmgr.close()
