"""Maintenance windows over real rows: planned, ended early, taken back; what a file defines stays the file's."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.maintenance import from_document
from healthmgr.domain.matcher import parse_matchers
from healthmgr.errors import Conflict, DefinitionError, NotFound
from healthmgr.services.maintaining import Maintaining, Plan
from healthmgr.storage.maintaining_rows import MaintainingRows
from healthmgr.storage.muting_rows import read_mutes
from healthmgr.storage.transactions import Transactions
from tests.builders import NOW, make_alert, make_check, make_incident

WHO = {"actor": "bob", "origin": "test"}
HOUR = timedelta(hours=1)
NIGHTLY = {"cron": "0 12 * * *", "duration": "2h"}  # open at NOW, which is noon
ONCE = {"starts_at": NOW.isoformat(), "ends_at": (NOW + HOUR).isoformat()}


@pytest.fixture
def maintaining(engine: Engine) -> Maintaining:
    return Maintaining(Transactions(engine, MaintainingRows))


def plan(window: dict[str, str] = ONCE, matchers: str = "service=shop", **fields: Any) -> Plan:
    values = {"name": "move", "comment": "a new rack"} | fields
    return Plan(matchers=parse_matchers(matchers), window=from_document(window), **values)


def shop_is_down(engine: Engine) -> UUID:
    incident = make_incident(engine)
    check = make_check(engine, "till", service="shop")
    make_alert(engine, check, incident_id=incident, labels={"check": "till", "service": "shop"})
    return incident


def rows(engine: Engine, statement: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(statement)).all())


def muting(engine: Engine, at: datetime) -> list[str]:
    """The windows that hold then."""
    with engine.connect() as connection:
        return [window.name for window in read_mutes(connection, at).maintenance]


def taken_from_a_file(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE maintenance_windows SET managed_by = 'healthmgr.yaml'"))


ENTRIES = "SELECT kind, reason, actor, detail->>'window' AS name FROM incident_entries ORDER BY id"
AUDIT = "SELECT actor, origin, action, target FROM audit_entries ORDER BY id"


def test_a_planned_window_holds_from_its_start_to_its_end_and_is_told_to_the_timelines(
    engine: Engine, maintaining: Maintaining
) -> None:
    shop_is_down(engine)
    planned = maintaining.add(plan(), now=NOW, **WHO)
    assert maintaining.get("move") == planned
    assert muting(engine, NOW) == ["move"]
    assert muting(engine, NOW + HOUR) == []
    assert rows(engine, ENTRIES) == [("muted", "in_maintenance", "bob", "move")]
    assert rows(engine, AUDIT) == [("bob", "test", "maintenance.created", "move")]


def test_a_window_that_is_still_to_come_tells_no_timeline_yet(engine: Engine, maintaining: Maintaining) -> None:
    shop_is_down(engine)
    tomorrow = {"starts_at": (NOW + 24 * HOUR).isoformat(), "ends_at": (NOW + 25 * HOUR).isoformat()}
    maintaining.add(plan(tomorrow), now=NOW, **WHO)
    assert rows(engine, ENTRIES) == []


def test_ending_a_window_ends_the_occurrence_that_is_open_and_no_later_one(
    engine: Engine, maintaining: Maintaining
) -> None:
    shop_is_down(engine)
    maintaining.add(plan(NIGHTLY), now=NOW, **WHO)
    later = NOW + HOUR / 2
    assert muting(engine, later) == ["move"]
    maintaining.end("move", now=later, **WHO)
    assert muting(engine, later) == []
    assert muting(engine, NOW + HOUR) == []
    assert muting(engine, NOW + 24 * HOUR) == ["move"]
    assert [row.kind for row in rows(engine, ENTRIES)] == ["muted", "unmuted"]
    with pytest.raises(Conflict, match="not open now; it opens at 2026-03-02 12:00 UTC"):
        maintaining.end("move", now=later + HOUR / 4, **WHO)


def test_what_a_file_defines_can_be_ended_but_neither_changed_nor_deleted(
    engine: Engine, maintaining: Maintaining
) -> None:
    maintaining.add(plan(NIGHTLY), now=NOW, **WHO)
    taken_from_a_file(engine)
    with pytest.raises(Conflict, match=r"defined by healthmgr\.yaml: delete it there"):
        maintaining.delete("move", now=NOW, **WHO)
    with pytest.raises(Conflict, match="change it there"):
        maintaining.change(plan(), now=NOW, **WHO)
    assert maintaining.end("move", now=NOW, **WHO).managed_by == "healthmgr.yaml"
    assert muting(engine, NOW) == []


def test_a_deleted_window_holds_nothing_any_more(engine: Engine, maintaining: Maintaining) -> None:
    shop_is_down(engine)
    maintaining.add(plan(), now=NOW, **WHO)
    maintaining.delete("move", now=NOW, **WHO)
    assert muting(engine, NOW) == []
    assert maintaining.list() == []
    assert [row.kind for row in rows(engine, ENTRIES)] == ["muted", "unmuted"]
    with pytest.raises(NotFound, match="no maintenance window 'move'"):
        maintaining.get("move")


def test_a_window_that_is_planned_anew_is_open_again_though_it_was_ended(
    engine: Engine, maintaining: Maintaining
) -> None:
    maintaining.add(plan(), now=NOW, **WHO)
    maintaining.end("move", now=NOW, **WHO)
    maintaining.change(plan(NIGHTLY, covers_dependents=True), now=NOW, **WHO)
    assert muting(engine, NOW) == ["move"]
    assert maintaining.get("move").covers_dependents


def test_a_name_is_taken_once_unless_its_file_has_given_it_up(engine: Engine, maintaining: Maintaining) -> None:
    maintaining.add(plan(), now=NOW, **WHO)
    with pytest.raises(Conflict, match="already, of api"):
        maintaining.add(plan(), now=NOW, **WHO)
    taken_from_a_file(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE maintenance_windows SET is_enabled = false"))
    assert maintaining.add(plan(), now=NOW, **WHO).managed_by == "api"


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"name": "Move of Shop"}, "name"),
        ({"matchers": 'service=~".*"'}, "matchers"),
        ({"comment": "  "}, "comment"),
        ({"window": {"starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-02-02T00:00:00Z"}}, "window"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_its_field(
    maintaining: Maintaining, fields: dict[str, Any], path: str
) -> None:
    with pytest.raises(DefinitionError) as caught:
        maintaining.add(plan(**fields), now=NOW, **WHO)
    assert [problem.path for problem in caught.value.problems] == [path]
    assert maintaining.list() == []


def test_a_preview_counts_what_hangs_on_the_named_checks_where_it_is_covered(
    engine: Engine, maintaining: Maintaining
) -> None:
    database = make_check(engine, "database")
    api = make_check(engine, "api", depends_on=["database"])
    make_alert(engine, database, labels={"check": "database"})
    make_alert(engine, api, labels={"check": "api"})
    matchers = parse_matchers("check=database")
    assert [alert.name for alert in maintaining.preview(matchers).alerts] == ["database"]
    hits = maintaining.preview(matchers, covers_dependents=True)
    assert [alert.name for alert in hits.alerts] == ["database", "api"]


def test_what_people_planned_is_forgotten_when_it_has_been_over_for_five_days(
    engine: Engine, maintaining: Maintaining
) -> None:
    maintaining.add(plan(), now=NOW, **WHO)
    taken_from_a_file(engine)
    maintaining.add(plan(name="ours"), now=NOW, **WHO)
    maintaining.add(plan(NIGHTLY, name="nightly"), now=NOW, **WHO)
    late = NOW + HOUR + timedelta(days=5)
    assert maintaining.forget_over(late - timedelta(seconds=1)) == 0
    assert maintaining.forget_over(late) == 1
    assert [window.name for window in maintaining.list()] == ["move", "nightly"]
