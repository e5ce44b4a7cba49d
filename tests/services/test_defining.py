from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text

from healthmgr.domain.check import stable_phase
from healthmgr.errors import DefinitionError, Unavailable
from healthmgr.services.defining import Defining
from healthmgr.services.defining_ports import Applied
from healthmgr.storage.definition_repository import DefinitionRepository
from tests.definitions.plugins import ROUTED, TestRegistry

NOW = datetime(2026, 11, 24, 3, 12, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)

TWO = """
checks:
  a: {kind: door, config: {url: "${URL:-x}"}, labels: {team: core}, thresholds: {warning: {response_time: 1s}}}
  b: {kind: heartbeat, config: {url: x}, depends_on: {check: a, redundancy_group: g}, interval: 10s}
"""
ONE = "".join(TWO.splitlines(keepends=True)[:-1])

Apply = Callable[..., Applied]


@pytest.fixture
def defining(engine: Engine) -> Defining:
    return Defining(DefinitionRepository(engine), TestRegistry(), {})


@pytest.fixture
def apply(defining: Defining, tmp_path: Path) -> Apply:
    """Applies a text as a file; routed unless it says otherwise."""

    def apply_text(content: str, *, name: str = "f.yaml", at: datetime = NOW, routed: str = ROUTED) -> Applied:
        path = tmp_path / name
        path.write_text("version: 1\n" + content + routed, encoding="utf-8")
        return defining.apply(path, actor="ada", origin="cli", now=at)

    return apply_text


@pytest.fixture
def rows(engine: Engine) -> Callable[..., list[Any]]:
    """What a statement finds."""

    def run(statement: str, **values: Any) -> list[Any]:
        with engine.begin() as connection:
            result = connection.execute(text(statement), values)
            return [row._asdict() for row in result] if result.returns_rows else []

    return run


def everything(rows: Callable[..., list[Any]]) -> dict[str, list[Any]]:
    tables = {
        "checks": "slug",
        "check_schedules": "check_id",
        "check_states": "check_id",
        "check_dependencies": "check_id",
        "heartbeats": "check_id",
        "channels": "name",
        "recipients": "name",
        "receivers": "name",
        "routing": "name",
        "time_windows": "name",
        "maintenance_windows": "name",
        "inhibitions": "name",
        "alerts": "id",
        "dispatches": "group_key",
    }
    return {table: rows(f"SELECT * FROM {table} ORDER BY {key}") for table, key in tables.items()}


def test_a_first_apply_creates_everything(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    applied = apply(TWO)
    assert applied.created == ("channels.post", "recipients.ops", "routing.default", "checks.a", "checks.b")
    a, b = rows("SELECT * FROM checks ORDER BY slug")
    assert a["config"] == {"url": "${URL:-x}"}
    assert (a["labels"], a["thresholds"]) == ({"team": "core"}, {"warning": {"response_time": "> 1s"}})
    assert (a["managed_by"], a["is_enabled"], a["is_paused"], a["id"].version) == ("file:f.yaml", True, False, 7)
    (edge,) = rows("SELECT * FROM check_dependencies")
    assert edge == {"check_id": b["id"], "parent_id": a["id"], "redundancy_group": "g", "accepted_by": ""}
    (beat,) = rows("SELECT * FROM heartbeats")
    assert (beat["check_id"], beat["armed_at"], beat["last_ping_at"]) == (b["id"], NOW, None)
    (state,) = rows("SELECT * FROM check_states WHERE check_id = :id", id=a["id"])
    assert (state["status"], state["is_hard"], state["attempt"], state["hard_status"]) == (
        "unknown",
        True,
        1,
        "unknown",
    )
    assert (state["successes"], state["flapping_bits"], state["is_flapping"], state["last_sequence"]) == (
        0,
        0,
        False,
        0,
    )


def test_a_new_check_is_due_at_once_but_not_all_at_one_instant(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply("checks:\n" + "".join(f"  c{n}: {{kind: door, config: {{url: x}}}}\n" for n in range(50)))
    schedules = rows("SELECT s.*, c.slug, c.interval FROM check_schedules s JOIN checks c ON c.id = s.check_id")
    assert all(NOW <= row["next_due_at"] < NOW + timedelta(seconds=2) for row in schedules)
    assert len({row["next_due_at"] for row in schedules}) > 40
    assert all(row["phase"] == stable_phase(row["slug"], row["interval"]) for row in schedules)
    assert {(row["cause"], row["is_active"], row["sequence"]) for row in schedules} == {("request", True, 0)}


def test_applying_the_same_again_touches_no_row(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(TWO)
    before = everything(rows)
    again = apply(TWO, at=LATER)
    assert again.counts == {"created": 0, "updated": 0, "unchanged": 5, "disabled": 0}
    assert everything(rows) == before
    assert [row["action"] for row in rows("SELECT * FROM audit_entries")] == ["definitions.apply"] * 2


def test_a_bad_file_changes_nothing(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(TWO)
    before = everything(rows)
    with pytest.raises(DefinitionError):
        apply("checks:\n  c: {kind: door, config: {url: x}}\n  d: {kind: door}\n", at=LATER)
    assert everything(rows) == before


def test_a_change_keeps_the_check_and_takes_effect_within_seconds(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(ONE)
    (before,) = rows("SELECT id, created_at FROM checks")
    applied = apply(ONE.replace("-x}", "-y}"), at=LATER)
    assert applied.updated == ("checks.a",)
    (after,) = rows("SELECT c.*, s.next_due_at, s.cause FROM checks c JOIN check_schedules s ON s.check_id = c.id")
    assert (after["id"], after["created_at"], after["updated_at"]) == (before["id"], before["created_at"], LATER)
    assert after["config"] == {"url": "${URL:-y}"}
    assert LATER <= after["next_due_at"] < LATER + timedelta(seconds=2)
    assert after["cause"] == "request"


def test_a_new_interval_waits_for_its_slot(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply("defaults: {timeout: 5s, retry_interval: 5s}\n" + ONE)
    apply("defaults: {timeout: 5s, retry_interval: 5s, interval: 5m}\n" + ONE, at=LATER)
    (schedule,) = rows("SELECT * FROM check_schedules")
    phase = stable_phase("a", timedelta(minutes=5))
    assert schedule["phase"] == phase
    assert LATER < schedule["next_due_at"] <= LATER + timedelta(minutes=5)
    assert (schedule["next_due_at"] - datetime(1970, 1, 1, tzinfo=UTC) - phase) % timedelta(minutes=5) == timedelta(0)


def test_a_new_name_leaves_the_schedule_alone(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(ONE)
    (before,) = rows("SELECT * FROM check_schedules")
    assert apply(ONE.replace("{kind", "{name: Front door, kind"), at=LATER).updated == ("checks.a",)
    assert rows("SELECT * FROM check_schedules") == [before]


def test_what_is_gone_is_disabled_and_its_history_kept(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(TWO)
    applied = apply(ONE, at=LATER)
    assert applied.disabled == ("checks.b",)
    (b,) = rows("SELECT * FROM checks c JOIN check_schedules s ON s.check_id = c.id WHERE slug = 'b'")
    assert (b["is_enabled"], b["is_active"]) == (False, False)
    assert rows("SELECT * FROM check_dependencies") == []
    assert len(rows("SELECT * FROM check_states")) == 2
    assert apply(ONE, at=LATER).disabled == ()


def test_what_comes_back_begins_anew(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(TWO)
    rows(
        "UPDATE check_states SET status = 'unhealthy', hard_status = 'unhealthy', flapping_bits = 7, last_sequence = 4"
    )
    rows("UPDATE check_schedules SET sequence = 5, lease_until = now()")
    rows("UPDATE heartbeats SET last_ping_at = :at, last_kind = 'success'", at=NOW)
    apply(ONE, at=LATER)
    (gone,) = rows("SELECT s.* FROM check_states s JOIN checks c ON c.id = check_id WHERE slug = 'b'")
    assert gone["last_sequence"] == 5, "what was under way when it was retired counts as evaluated"
    assert apply(TWO, at=LATER).updated == ("checks.b",)
    (b,) = rows("SELECT * FROM checks c JOIN check_schedules s ON s.check_id = c.id WHERE slug = 'b'")
    (state,) = rows("SELECT * FROM check_states WHERE check_id = :id", id=b["id"])
    assert (b["is_enabled"], b["is_active"], b["sequence"], b["lease_until"]) == (True, True, 5, None)
    assert (state["status"], state["hard_status"], state["flapping_bits"]) == ("unknown", "unknown", 0)
    assert state["last_sequence"] == 5
    (beat,) = rows("SELECT * FROM heartbeats")
    assert (beat["armed_at"], beat["last_ping_at"]) == (LATER, None)


def open_alert(rows: Callable[..., list[Any]], slug: str, root: UUID | None = None) -> UUID:
    (check,) = rows("SELECT id FROM checks WHERE slug = :slug", slug=slug)
    alert = uuid4()
    rows(
        "INSERT INTO alerts (id, fingerprint, check_id, group_key, labels, severity, status, summary, opened_at,"
        " updated_at, suppressed_by_id) VALUES (:id, :slug, :check_id, :key, '{}', 'high', 'unhealthy', 'down', :now,"
        " :now, :root)",
        id=alert, slug=slug, check_id=check["id"], key=f"check={slug}", now=NOW, root=root,
    )  # fmt: skip
    return alert


def test_retiring_a_check_resolves_its_alert_and_says_so_to_those_who_were_told(
    apply: Apply, rows: Callable[..., list[Any]]
) -> None:
    apply(TWO)
    root = open_alert(rows, "b")
    open_alert(rows, "a", root)
    apply(ONE, at=LATER)
    (alert,) = rows("SELECT * FROM alerts WHERE id = :id", id=root)
    assert (alert["resolved_at"], alert["resolution"], alert["resolved_by"]) == (LATER, "no longer defined", None)
    due = {row["group_key"]: row["due_at"] for row in rows("SELECT * FROM dispatches")}
    assert due == {"check=a": LATER, "check=b": LATER}, "what it suppressed is judged again"


def test_a_check_can_be_switched_off_in_its_definition(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(ONE)
    alert = open_alert(rows, "a")
    applied = apply(ONE.replace("{kind", "{enabled: false, kind"), at=LATER)
    assert applied.updated == ("checks.a",)
    (found,) = rows("SELECT * FROM alerts WHERE id = :id", id=alert)
    assert (found["resolved_at"], found["resolution"]) == (LATER, "disabled in its definition")
    assert rows("SELECT is_active FROM check_schedules") == [{"is_active": False}]
    assert apply(ONE, at=LATER).updated == ("checks.a",)
    assert rows("SELECT is_active FROM check_schedules") == [{"is_active": True}]


def test_a_persons_pause_survives(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(ONE)
    rows("UPDATE checks SET is_paused = true")
    rows("UPDATE check_schedules SET is_active = false")
    apply(ONE.replace("-x}", "-y}"), at=LATER)
    assert rows("SELECT is_paused FROM checks") == [{"is_paused": True}]
    assert rows("SELECT is_active FROM check_schedules") == [{"is_active": False}]


SECOND = "checks:\n  c: {kind: door, config: {url: x}, depends_on: a}\nrouting: {low: {to: ops, via: post}}\n"


def test_a_second_file_may_lean_on_the_first(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(ONE)
    applied = apply(SECOND, name="g.yaml", routed="")
    assert applied.created == ("routing.low", "checks.c")
    assert apply(ONE, at=LATER).disabled == (), "each file touches its own alone"
    owners = {row["name"]: row["managed_by"] for row in rows("SELECT * FROM routing")}
    assert owners == {"default": "file:f.yaml", "low": "file:g.yaml"}


def test_a_second_file_alone_has_no_catch_all(apply: Apply) -> None:
    with pytest.raises(DefinitionError, match="catch-all"):
        apply("checks:\n  c: {kind: door, config: {url: x}}\n", routed="")


def test_nobody_takes_anothers_names(apply: Apply) -> None:
    apply(ONE)
    with pytest.raises(DefinitionError) as caught:
        apply(ONE, name="g.yaml")
    assert {p.path for p in caught.value.problems} == {"channels.post", "recipients.ops", "routing.default", "checks.a"}
    assert all("belongs to file:f.yaml" in problem.message for problem in caught.value.problems)


def test_what_another_source_gave_up_may_be_taken(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(TWO)
    apply(ONE)
    applied = apply("checks:\n  b: {kind: door, config: {url: y}}\n", name="g.yaml", routed="")
    assert applied.updated == ("checks.b",)
    assert rows("SELECT managed_by, is_enabled FROM checks WHERE slug = 'b'") == [
        {"managed_by": "file:g.yaml", "is_enabled": True}
    ]


def test_a_channel_that_another_file_routes_over_cannot_be_removed(apply: Apply) -> None:
    bell = "channels:\n  bell: {kind: bell, config: {host: h}}\n  post: {kind: letter, config: {host: h}}\n"
    rest = "recipients: {ops: {contacts: {post: a@b.c, bell: ''}}}\nrouting: {default: {to: ops, via: post}}\n"
    apply(bell + rest, routed="")
    apply("routing: {low: {to: ops, via: bell}}\n", name="g.yaml", routed="")
    with pytest.raises(DefinitionError) as caught:
        apply("")
    assert "no longer defines 'bell', which route 'low' of file:g.yaml names" in str(caught.value)


def test_removed_channels_recipients_and_routes_stop_serving(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    more = """
channels: {post: {kind: letter, config: {host: h}}, bell: {kind: bell, config: {host: h}}}
recipients: {ops: {contacts: {post: ops@example.com}}, ann: {contacts: {post: ann@example.com}}}
routing: {default: {to: ops, via: post}, high: {to: ann, via: [post, bell]}}
"""
    apply(more, routed="")
    applied = apply("", at=LATER)
    assert set(applied.disabled) == {"channels.bell", "recipients.ann", "routing.high"}
    assert rows("SELECT name FROM channels WHERE is_enabled") == [{"name": "post"}]
    assert rows("SELECT name FROM recipients WHERE is_enabled") == [{"name": "ops"}]
    assert rows("SELECT name FROM routing") == [{"name": "default"}]


def test_a_cycle_over_two_files_is_found(apply: Apply) -> None:
    apply("checks:\n  a: {kind: door, config: {url: x}}\n  b: {kind: door, config: {url: x}, depends_on: a}\n")
    apply("checks:\n  c: {kind: door, config: {url: x}, depends_on: b}\n", name="g.yaml", routed="")
    with pytest.raises(DefinitionError, match="depends on itself"):
        apply(
            "checks:\n  a: {kind: door, config: {url: x}, depends_on: c}\n"
            "  b: {kind: door, config: {url: x}, depends_on: a}\n"
        )


def test_an_unknown_parent_is_refused_with_the_nearest_name(apply: Apply) -> None:
    with pytest.raises(DefinitionError, match="there is no check 'databse'; did you mean 'database'"):
        apply(
            "checks:\n  database: {kind: door, config: {url: x}}\n"
            "  b: {kind: door, config: {url: x}, depends_on: databse}\n"
        )


def test_every_apply_is_audited(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply(ONE)
    (entry,) = rows("SELECT * FROM audit_entries")
    assert (entry["at"], entry["actor"], entry["origin"], entry["target"]) == (NOW, "ada", "cli", "file:f.yaml")
    assert entry["detail"]["counts"]["created"] == 4
    assert "checks.a" in entry["detail"]["created"]


def test_applies_at_once_follow_each_other(apply: Apply, rows: Callable[..., list[Any]]) -> None:
    apply("")
    failures: list[Exception] = []

    def one(name: str) -> None:
        try:
            apply(f"checks:\n  {name}: {{kind: door, config: {{url: x}}}}\n", name=f"{name}.yaml", routed="")
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=one, args=(f"c{n}",)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(rows("SELECT * FROM checks")) == 6


def test_without_a_database_nothing_can_be_applied(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        Defining(None, TestRegistry(), {}).apply(tmp_path / "f.yaml", actor="a", origin="cli", now=NOW)


def test_ten_thousand_checks_are_applied_in_seconds_and_again_at_once(
    apply: Apply, rows: Callable[..., list[Any]]
) -> None:
    lines = [f"  c{n}: {{kind: door, config: {{url: x}}, depends_on: [c{n // 10}]}}\n" for n in range(1, 10_000)]
    many = "checks:\n  c0: {kind: door, config: {url: x}}\n" + "".join(lines)

    spent = []
    for _ in range(2):
        started = time.perf_counter()
        apply(many)
        spent.append(time.perf_counter() - started)
    assert rows("SELECT count(*) AS n FROM check_dependencies") == [{"n": 9999}]
    assert rows(
        "SELECT max(next_due_at) < :limit AS is_soon FROM check_schedules", limit=NOW + timedelta(seconds=25)
    ) == [{"is_soon": True}]
    assert spent[0] < 20
    assert spent[1] < 8


def test_a_folder_is_a_source_of_its_own_and_its_difference_is_what_applying_it_does(
    defining: Defining, rows: Callable[..., list[Any]], tmp_path: Path
) -> None:
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "people.yaml").write_text("version: 1\n" + ROUTED, encoding="utf-8")
    (folder / "checks.yaml").write_text(
        "version: 1\nchecks:\n  'door-{{ item }}': "
        "{kind: door, config: {url: '{{ item }}'}, for_each: [a, b], recoveryProcedure: door-restart}\n",
        encoding="utf-8",
    )
    before = everything(rows)
    wanted = defining.diff(folder)
    assert everything(rows) == before, "looking changes nothing"
    applied = defining.apply(folder, actor="ada", origin="cli", now=NOW)
    assert applied.source == "file:conf.d"
    assert tuple(change.name for change in wanted.changes) == applied.created
    assert defining.diff(folder).changes == ()
    found = rows("SELECT slug, recovery_procedure, managed_by FROM checks ORDER BY slug")
    assert [tuple(row.values()) for row in found] == [
        ("door-a", "door-restart", "file:conf.d"),
        ("door-b", "door-restart", "file:conf.d"),
    ]
    (folder / "checks.yaml").unlink()
    gone = defining.diff(folder)
    assert [(change.sort, change.name) for change in gone.changes] == [
        ("disabled", "checks.door-a"),
        ("disabled", "checks.door-b"),
    ]
    assert defining.apply(folder, actor="ada", origin="cli", now=LATER).disabled == ("checks.door-a", "checks.door-b")


def test_a_difference_names_fields_and_shows_no_secret(defining: Defining, apply: Apply, tmp_path: Path) -> None:
    apply(ONE)
    path = tmp_path / "f.yaml"
    text = ONE.replace("labels: {team: core}", "interval: 2m, depends_on: [c]").replace(
        '"${URL:-x}"', "y, password: hush"
    )
    text += "  c: {kind: door, config: {url: x}}\n"
    path.write_text("version: 1\n" + text + ROUTED, encoding="utf-8")
    difference = defining.diff(path)
    assert difference.counts == {"created": 1, "updated": 1, "disabled": 0, "unchanged": 3}
    (updated,) = [change for change in difference.changes if change.sort == "updated"]
    assert {change.field: (change.old, change.new) for change in updated.fields} == {
        "config.url": ("'${URL:-x}'", "'y'"),
        "config.password": ("nothing", "a value that is not shown"),
        "interval": ("1m", "2m"),
        "labels.team": ("'core'", "nothing"),
        "dependencies.c": ("nothing", "''"),
    }


TOLD = """
channels: {post: {kind: letter, config: {host: h}}}
recipients: {ops: {contacts: {post: ops@example.com}}}
receivers: {team: {to: ops, via: post, send_resolved: false}}
time_windows: {weekend: [{weekdays: ['saturday:sunday'], location: Europe/Berlin}]}
maintenance:
  once: {matchers: service=shop, starts_at: 2026-11-24T22:00:00Z, ends_at: 2026-11-25T02:00:00Z}
  nightly: {matchers: [], cron: '0 2 * * sun', duration: 2h, timezone: Europe/Berlin, covers_dependents: true}
  weekly: {matchers: check=a, rrule: FREQ=WEEKLY;BYDAY=SU, dtstart: 2026-11-24T22:00:00, duration: 1h}
  sundays: {matchers: check=a, during: [{weekdays: [sunday]}]}
inhibitions: {calm: {source: severity=critical, target: 'severity=~"low|medium"', equal: [service]}}
routing:
  routes: [{name: pay, matchers: 'service=~"pay.*"', receiver: team, mute_during: weekend, routes: [{group_by: [a]}]}]
  default: {to: ops, via: post}
"""


def test_what_leads_alerts_to_people_is_stored_read_back_and_removed(
    apply: Apply, rows: Callable[..., list[Any]]
) -> None:
    assert apply("", routed=TOLD).counts["created"] == 11
    before = everything(rows)
    again = apply("", routed=TOLD, at=LATER)
    assert (again.counts["unchanged"], again.counts["updated"]) == (11, 0)
    assert everything(rows) == before
    (pay,) = rows("SELECT * FROM routing WHERE name = 'pay'")
    assert (pay["position"], pay["document"]["receiver"], pay["document"]["routes"][0]["name"]) == (0, "team", "all")
    rows(
        'INSERT INTO maintenance_windows (name, matchers, "window", is_enabled, managed_by, updated_at)'
        " SELECT 'by-hand', matchers, \"window\", true, 'api', updated_at FROM maintenance_windows WHERE name = 'once'"
    )
    gone = apply("", at=LATER)
    assert set(gone.disabled) == {
        "receivers.team", "time_windows.weekend", "routing.pay", "inhibitions.calm",
        "maintenance.once", "maintenance.nightly", "maintenance.weekly", "maintenance.sundays",
    }  # fmt: skip
    assert rows("SELECT name FROM maintenance_windows WHERE is_enabled") == [{"name": "by-hand"}]
    assert rows("SELECT name FROM receivers UNION ALL SELECT name FROM inhibitions") == []


def test_a_receiver_that_another_file_routes_to_cannot_be_removed(apply: Apply) -> None:
    apply("receivers: {team: {to: ops, via: post}}\n")
    apply("routing: {routes: [{matchers: a=b, receiver: team}]}\n", name="g.yaml", routed="")
    with pytest.raises(DefinitionError, match="no longer defines 'team', which route 'a-b' of file:g"):
        apply("")
