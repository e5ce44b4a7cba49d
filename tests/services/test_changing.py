"""Changes over real rows: kept, found by service and time, on the audit log, and forgotten after a while."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.cause import Changed
from healthmgr.errors import DefinitionError, NotFound
from healthmgr.services.changing import Changing
from healthmgr.storage.changing_rows import ChangingRows
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW, new_id

HOUR = timedelta(hours=1)
WHO = {"source": "api", "actor": "ci", "origin": "api 192.0.2.7", "now": NOW}


@pytest.fixture
def changing(engine: Engine) -> Changing:
    return Changing(Transactions(engine, ChangingRows))


def test_a_change_is_kept_and_on_the_audit_log(changing, engine):
    changed = Changed(" shop ", "Deploy shop 2.1", NOW - HOUR, "2.1", "ann", "https://ci.example/7")
    kept = changing.get(changing.report(changed, **WHO, detail={"build": "7"}))
    assert kept.changed == Changed("shop", "Deploy shop 2.1", NOW - HOUR, "2.1", "ann", "https://ci.example/7")
    assert (kept.source, kept.reported_at) == ("api", NOW)
    with engine.connect() as connection:
        row = connection.execute(text("SELECT actor, origin, action, target, detail FROM audit_entries")).one()
    assert tuple(row)[:4] == ("ci", "api", "change.reported", "Deploy shop 2.1")
    assert row.detail["build"] == "7"
    assert row.detail["from"] == "192.0.2.7"


def test_the_latest_come_first_and_only_those_asked_for(changing):
    for number in range(4):
        changing.report(Changed("shop" if number % 2 else "mail", f"n{number}", NOW - number * HOUR), **WHO)
    assert [each.changed.title for each in changing.find(since=NOW - 2 * HOUR)] == ["n0", "n1", "n2"]
    assert [each.changed.title for each in changing.find(since=NOW - 9 * HOUR, service="shop")] == ["n1", "n3"]
    assert len(changing.find(since=NOW - 9 * HOUR, limit=1)) == 1


def test_a_clock_that_is_a_little_ahead_is_taken_for_now(changing):
    kept = changing.get(changing.report(Changed("shop", "Deploy", NOW + timedelta(minutes=4)), **WHO))
    assert kept.changed.at == NOW


def test_all_faults_are_said_at_once(changing):
    with pytest.raises(DefinitionError) as refused:
        changing.report(Changed("s" * 300, " ", NOW + HOUR, link="ftp://x"), **WHO)
    assert {problem.path for problem in refused.value.problems} == {"title", "service", "link", "at"}


def test_what_is_long_ago_is_forgotten(changing):
    old = changing.report(Changed("shop", "old", NOW - 100 * HOUR), **WHO)
    young = changing.report(Changed("shop", "young", NOW - HOUR), **WHO)
    assert changing.forget(NOW - 50 * HOUR) == 1
    assert changing.get(young).changed.title == "young"
    with pytest.raises(NotFound, match="no change"):
        changing.get(old)
    with pytest.raises(NotFound, match="no change"):
        changing.get(new_id())
