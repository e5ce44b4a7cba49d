"""`healthmgr doctor`: each fault of an installation is found, with its fix."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis
from sqlalchemy import Engine, insert, text

from healthmgr.domain.maintenance import Once
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.routing_tree import Route
from healthmgr.domain.runbook import Runbook, Step
from healthmgr.registry import Registry
from healthmgr.storage.tables import channels, dispatches, maintenance_windows, pulses, recipients, routing
from tests.builders import (
    make_alert,
    make_check,
    make_delivery,
    make_incident,
    make_notification,
    make_result,
    make_runbook,
    make_silence,
    make_well,
)
from tests.cli.conftest import AWAY, Terminal

DEFINITIONS = """
version: 1
channels:
  inbox: {{kind: email, config: {{host: 127.0.0.1, port: {port}, from: health@example.com}}}}
recipients:
  ops: {{name: Operations, contacts: {{inbox: ops@example.com}}}}
routing:
  default: {{to: [ops], via: [inbox]}}
checks:
  port: {{kind: tcp, config: {{host: 127.0.0.1, port: {port}}}}}
"""


@pytest.fixture
def listener() -> Iterator[int]:
    """A port that answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.fixture
def sound(terminal: Terminal, engine: Engine, tmp_path: Path, listener: int) -> Terminal:
    """An installation without a fault."""
    now = datetime.now(UTC)
    (tmp_path / "healthmgr.yaml").write_text(DEFINITIONS.format(port=listener))
    assert terminal("apply").code == 0
    check_id = make_check(engine, "elsewhere", config={"host": "127.0.0.1"}, last_result_at=now)
    for day in range(2):
        make_result(engine, check_id, started_at=now + timedelta(days=day))
    make_well(engine, at=now + timedelta(minutes=1))
    return terminal


def findings(terminal: Terminal, level: str = "failed") -> dict[str, dict[str, Any]]:
    """The findings of a level, by examination."""
    said = terminal("doctor", "--json")
    found = said.json["findings"]
    assert said.code == (1 if any(item["level"] == "failed" for item in found) else 0)
    return {item["examination"]: item for item in found if item["level"] == level}


def test_a_sound_installation_has_nothing_wrong(sound: Terminal) -> None:
    assert findings(sound) == {}
    said = sound("doctor")
    assert said.code == 0
    assert "Nothing is wrong" in said.out


def test_a_database_that_is_away_leaves_the_rest_to_be_looked_at(bare_terminal: Terminal, redis_url: str) -> None:
    bare_terminal.set(DATABASE_URL=AWAY, REDIS_URL=redis_url)
    failed = findings(bare_terminal)
    assert "PostgreSQL does not answer" in failed["database"]["message"]
    assert {"schema", "running", "definitions"} <= set(findings(bare_terminal, "skipped"))
    assert {"redis", "broker", "python"} <= set(findings(bare_terminal, "ok"))
    assert "hunter2" not in bare_terminal("doctor").out


def test_an_empty_environment_is_told_how_to_begin(bare_terminal: Terminal) -> None:
    failed = findings(bare_terminal)
    assert "make run" in failed["settings"]["fix"]
    assert "make run" in failed["database"]["fix"]


def test_an_environment_that_cannot_be_read_is_the_finding(bare_terminal: Terminal) -> None:
    bare_terminal.set(HEALTHMGR_PORT="eighty")
    assert "HEALTHMGR_PORT" in findings(bare_terminal)["settings"]["message"]


def test_a_redis_and_a_broker_that_are_away_are_found(sound: Terminal) -> None:
    sound.set(REDIS_URL="redis://:hunter2@127.0.0.1:1/0", BROKER_URL="amqp://guest:hunter2@127.0.0.1:1//")
    failed = findings(sound)
    assert {"redis", "broker"} <= set(failed)
    assert "hunter2" not in str(failed)


def test_a_redis_that_throws_keys_away_is_found(sound: Terminal, redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    before = client.config_get("maxmemory-policy")["maxmemory-policy"]
    try:
        client.config_set("maxmemory-policy", "allkeys-lru")
        seen = {**findings(sound, "warning"), **findings(sound)}
    finally:
        client.config_set("maxmemory-policy", before)
        client.close()
    assert "noeviction" in seen["redis"]["fix"]


def test_a_schema_that_is_behind_is_found(sound: Terminal) -> None:
    try:
        assert sound("db", "downgrade", "base", "--yes").code == 0
        assert "healthmgr db upgrade" in findings(sound)["schema"]["fix"]
    finally:
        assert sound("db", "upgrade").code == 0


def test_a_missing_partition_is_found(sound: Terminal, engine: Engine) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    with engine.begin() as connection:
        connection.execute(text(f"DROP TABLE results_{tomorrow:%Y%m%d}"))
    assert "tomorrow" in findings(sound)["partitions"]["message"]


def test_a_part_that_is_silent_is_found_with_what_to_start(sound: Terminal, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE pulses SET at = at - interval '10 minutes' WHERE kind = 'queue' AND name = 'checks'")
        )
    found = findings(sound)["running"]
    assert "queue checks" in found["message"]
    assert found["fix"] == "start a worker with -Q checks"


def test_nothing_running_is_one_finding(sound: Terminal, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM pulses"))
    said = sound("doctor", "--json").json["findings"]
    assert [item["message"] for item in said if item["examination"] == "running"] == [
        "nothing runs: no part of healthmgr gives a sign of life"
    ]


def test_definitions_that_are_not_applied_are_found(sound: Terminal, tmp_path: Path) -> None:
    path = tmp_path / "healthmgr.yaml"
    path.write_text(path.read_text().replace("  port: {kind", "  port: {severity: low, kind"))
    found = findings(sound, "warning")["definitions"]
    assert "checks.port" in found["message"]
    assert "healthmgr apply" in found["fix"]


def test_definitions_that_are_not_valid_are_found(sound: Terminal, tmp_path: Path) -> None:
    (tmp_path / "healthmgr.yaml").write_text("version: 1\nchekcs: {}\n")
    assert "not valid" in findings(sound)["definitions"]["message"]


def test_a_secret_that_is_not_set_here_is_found(sound: Terminal, engine: Engine) -> None:
    make_check(engine, "guarded", config={"url": "https://${GUARD_TOKEN}.example.com", "port": "${PORT:-80}"})
    found = findings(sound)["secrets"]
    assert "GUARD_TOKEN" in found["message"]
    assert "GUARD_TOKEN_FILE" in found["fix"]
    sound.set(GUARD_TOKEN="x")
    assert "secrets" not in findings(sound)


def test_a_channel_whose_server_does_not_answer_is_found(sound: Terminal, engine: Engine) -> None:
    row = {
        "kind": "webhook",
        "max_concurrency": 1,
        "is_enabled": True,
        "managed_by": "test",
        "updated_at": datetime.now(UTC),
    }
    config = {"url": "http://127.0.0.1:1/in", "secret": "x" * 32}
    with engine.begin() as connection:
        connection.execute(insert(channels).values(name="hook", config=config, **row))
    assert "channel hook: 127.0.0.1:1" in findings(sound)["channels"]["message"]


def test_a_catch_all_that_reaches_nobody_is_found(sound: Terminal, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(recipients.update().values(contacts={}))
    assert "reaches nobody" in findings(sound)["catch-all"]["message"]
    with engine.begin() as connection:
        connection.execute(routing.delete())
    assert "no default route" in findings(sound)["catch-all"]["message"]


def test_an_admin_token_that_others_can_read_is_found(sound: Terminal, tmp_path: Path) -> None:
    assert sound("tokens", "ensure-admin").code == 0
    assert "admin token" in findings(sound, "ok")
    (tmp_path / "data" / "admin-token").chmod(0o644)
    assert "chmod 600" in findings(sound)["admin token"]["fix"]


def test_heartbeats_without_a_secret_key_are_found(sound: Terminal, engine: Engine) -> None:
    make_check(engine, "nightly-backup", kind="heartbeat", config={"period": "1d"})
    sound.set(HEALTHMGR_SECRET_KEY="")
    assert "heartbeat" in findings(sound)["secret key"]["message"]


def pulse_of_worker(engine: Engine, **kinds: list[str]) -> None:
    with engine.begin() as connection:
        row = {"kind": "worker", "name": "w@one", "at": datetime.now(UTC)}
        detail = {"queues": ["checks", "notifications"], "kinds": kinds}
        connection.execute(insert(pulses).values(detail=detail, **row))


ALL_CHECKS, ALL_CHANNELS = list(Registry.load().check_kinds()), list(Registry.load().channel_kinds())


def test_workers_that_know_every_kind_are_well(sound: Terminal, engine: Engine) -> None:
    pulse_of_worker(engine, checks=ALL_CHECKS, channels=ALL_CHANNELS)
    assert "know every kind" in findings(sound, "ok")["plugins"]["message"]


def test_a_kind_in_use_that_a_running_worker_does_not_know_is_found(sound: Terminal, engine: Engine) -> None:
    pulse_of_worker(engine, checks=[kind for kind in ALL_CHECKS if kind != "tcp"], channels=ALL_CHANNELS)
    found = findings(sound)["plugins"]
    assert found["message"] == "worker w@one does not know the kind tcp, which checks in force are of"
    assert "start the worker again" in found["fix"]


def test_a_kind_that_is_installed_here_and_unknown_to_a_running_worker_is_found(
    sound: Terminal, engine: Engine
) -> None:
    pulse_of_worker(engine, checks=ALL_CHECKS, channels=[kind for kind in ALL_CHANNELS if kind != "slack"])
    found = findings(sound, "warning")["plugins"]
    assert found["message"] == "worker w@one does not know the kind slack, which is installed here"


def test_a_worker_is_asked_only_for_what_its_queues_need(sound: Terminal, engine: Engine) -> None:
    pulse_of_worker(engine, checks=ALL_CHECKS, channels=ALL_CHANNELS)
    with engine.begin() as connection:
        narrow = {"queues": ["evaluation"], "kinds": {"checks": [], "channels": []}}
        connection.execute(pulses.update().where(pulses.c.name == "w@one").values(detail=narrow))
    assert "plugins" not in {**findings(sound, "warning"), **findings(sound)}


def test_a_limit_on_what_was_never_measured_is_found_with_what_may_be_meant(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    limits = {"warning": {"queud_orders": "> 5", "response_time": "> 1s"}, "critical": {"error_rate": "> 50"}}
    check_id = make_check(engine, "shop", thresholds=limits, last_result_at=now)
    assert "checks" in findings(sound, "ok")  # without a result nobody knows what there is
    make_result(engine, check_id, started_at=now, metrics={"queued_orders": 3.0})
    found = findings(sound, "warning")["checks"]
    assert found["message"] == (
        "shop has thresholds for what it never measured: queud_orders (did you mean queued_orders?)"
    )


def test_a_limit_on_what_only_failed_to_be_measured_is_none(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    limits = {"warning": {"queued_orders": "> 5"}}
    down = make_check(engine, "down", thresholds=limits, last_result_at=now)
    make_result(engine, down, started_at=now, status="unhealthy")
    once = make_check(engine, "once", thresholds=limits, last_result_at=now)
    make_result(engine, once, started_at=now, sequence=2)
    make_result(engine, once, started_at=now - timedelta(seconds=1), metrics={"queued_orders": 3.0})
    assert "checks" in findings(sound, "ok")


def test_recovery_procedures_that_no_runbook_has_are_named(sound: Terminal, engine: Engine) -> None:
    make_check(engine, "sessions", recovery_procedure="restart_sessions", last_result_at=datetime.now(UTC))
    found = findings(sound, "warning")["recovery"]
    assert found["message"] == ("checks name recovery procedures that no runbook has: restart_sessions (of sessions)")
    assert "write them under `runbooks:`" in found["fix"]


def test_the_runbooks_that_are_defined_are_counted(sound: Terminal, engine: Engine) -> None:
    make_check(engine, "sessions", recovery_procedure="restart-sessions", last_result_at=datetime.now(UTC))
    make_runbook(engine, Runbook("restart-sessions", (Step("wait", "wait", config={"length": "1s"}),)))
    assert "1 runbooks are defined, 1 of them start by themselves" in findings(sound, "ok")["recovery"]["message"]


# ---- The four common issues ----------------------------------------------------------------------


def test_checks_without_results_are_found(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    make_check(engine, "late", last_result_at=now - timedelta(minutes=10))
    make_check(engine, "just-defined", last_result_at=None, updated_at=now)
    found = findings(sound)["checks"]
    assert "1 of 4 checks have had no result" in found["message"]
    assert "late" in found["message"]
    assert "healthmgr checks run late" in found["fix"]


def test_checks_that_fail_at_once_are_found_with_what_they_share(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    for n in range(3):
        make_check(
            engine,
            f"api-{n}",
            status="unhealthy",
            last_result_at=now,
            last_message=f"cannot resolve api{n}.example.com",
        )
    found = findings(sound)["checks"]
    assert "3 of 5 checks fail at once: api-0, api-1 and api-2" in found["message"]
    assert '3 of them say much the same: "cannot resolve api0.example.com"' in found["message"]
    assert "HEALTHMGR_CANARIES" in found["fix"]


def test_few_failing_checks_are_no_fault_of_the_installation(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    for n in range(2):
        make_check(engine, f"api-{n}", status="unhealthy", last_result_at=now)
    assert "checks" not in findings(sound)


def test_checks_that_run_into_their_timeout_and_paused_ones_are_told(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    make_check(engine, "slow", status="unhealthy", last_result_at=now, last_message="timed out after 10s")
    said = sound("doctor", "--json").json["findings"]
    (slow,) = [item for item in said if item["examination"] == "checks"]
    assert "1 checks ran into their timeout: slow" in slow["message"]
    assert sound("checks", "pause", "slow").code == 0
    said = sound("doctor", "--json").json["findings"]
    (paused,) = [item for item in said if item["examination"] == "checks"]
    assert "paused" in paused["message"]
    assert "healthmgr checks resume slow" in paused["fix"]


def test_alerts_that_a_silence_or_maintenance_keeps_quiet_are_told_with_what_does(
    sound: Terminal, engine: Engine
) -> None:
    now = datetime.now(UTC)
    assert "no open alert is kept quiet" in findings(sound, "ok")["muting"]["message"]
    for slug in ("shop", "bank", "mail"):
        make_alert(engine, make_check(engine, slug, last_result_at=now), labels={"check": slug})
    silence = make_silence(engine, "check=shop", starts_at=now, ends_at=now + timedelta(hours=3))
    window = Once(now - timedelta(hours=1), now + timedelta(minutes=90)).to_document()
    matchers = [matcher.to_document() for matcher in parse_matchers("check=bank")]
    row = {"name": "move", "matchers": matchers, "window": window, "is_enabled": True, "managed_by": "t"}
    with engine.begin() as connection:
        connection.execute(insert(maintenance_windows).values(updated_at=now, **row))
    said = findings(sound, "warning")["muting"]["message"]
    assert said.startswith("2 of 3 open alerts are told nobody for now: ")
    assert f"silence {silence}, which ends in 2 h 59 min (1)" in said
    assert "maintenance move, which ends in 1 h 29 min (1)" in said


def test_a_silence_of_everything_is_found_before_there_is_an_alert(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    make_silence(engine, 'check=~".+"', starts_at=now, ends_at=now + timedelta(hours=3))
    assert "muting" in findings(sound, "ok")
    for slug in ("shop", "bank"):
        make_check(engine, slug, last_result_at=now)
    found = findings(sound, "warning")["muting"]
    assert "keeps all 4 checks quiet" in found["message"]
    assert "healthmgr silence list" in found["fix"]


def _incident(engine: Engine, **over: Any) -> Any:
    now = datetime.now(UTC)
    return make_incident(engine, **{"severity": "critical", "opened_at": now - timedelta(minutes=10), **over})


def test_messages_that_failed_for_good_are_found_with_what_the_provider_said(sound: Terminal, engine: Engine) -> None:
    now = datetime.now(UTC)
    notification = make_notification(engine, _incident(engine), state="failed", created_at=now, sent_at=None)
    make_delivery(engine, notification, outcome="refused", detail="404 no_service")
    found = findings(sound)["sending"]
    assert "channel inbox: 1 messages failed for good" in found["message"]
    assert "404 no_service" in found["message"]
    assert "healthmgr notifications list" in found["fix"]


@pytest.mark.parametrize(("attempts", "level"), [(1, "warning"), (5, "failed")])
def test_messages_that_are_tried_in_vain_are_found(sound: Terminal, engine: Engine, attempts: int, level: str) -> None:
    later = datetime.now(UTC) + timedelta(minutes=3)
    waiting = {"state": "pending", "created_at": datetime.now(UTC), "sent_at": None, "due_at": later}
    notification = make_notification(engine, _incident(engine), attempts=attempts, **waiting)
    make_delivery(engine, notification, outcome="retry", detail="no connection: Connection refused")
    found = findings(sound, level)["sending"]
    assert f"1 messages were not taken yet, after up to {attempts} attempts: no connection" in found["message"]


def test_a_provider_that_has_enough_of_us_is_found(sound: Terminal, engine: Engine) -> None:
    later = datetime.now(UTC) + timedelta(minutes=3)
    waiting = {"state": "pending", "created_at": datetime.now(UTC), "sent_at": None, "due_at": later, "attempts": 1}
    notification = make_notification(engine, _incident(engine), **waiting)
    make_delivery(
        engine, notification, outcome="retry", detail="https://hooks.slack.com refused the message: 429 limit"
    )
    assert "repeat_interval" in findings(sound, "warning")["sending"]["fix"]


def test_messages_and_groups_that_nobody_takes_up_are_found(sound: Terminal, engine: Engine) -> None:
    early = datetime.now(UTC) - timedelta(minutes=4)
    make_notification(engine, _incident(engine), state="pending", created_at=early, sent_at=None, due_at=early)
    assert "1 messages should have been sent" in findings(sound)["sending"]["message"]
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM notifications"))
        row = {"group_key": "g", "due_at": early, "token": 1, "reason": "alert_opened"}
        connection.execute(insert(dispatches).values(**row))
    found = findings(sound)["sending"]
    assert "1 groups of alerts wait for 4 min" in found["message"]
    assert "-Q notifications" in found["fix"]


def test_incidents_that_are_overdue_are_found(sound: Terminal, engine: Engine) -> None:
    incident = _incident(engine, due_at=datetime.now(UTC) - timedelta(minutes=7))
    make_notification(engine, incident)
    found = findings(sound)["escalation"]
    assert "1 incidents should have been told again, one of them 7 min" in found["message"]
    assert "#1" in found["message"]
    assert "-Q escalation" in found["fix"]


def test_incidents_of_which_nobody_was_told_are_found(sound: Terminal, engine: Engine) -> None:
    _incident(engine)
    told = _incident(engine)
    make_notification(engine, told)
    _incident(engine, acknowledged_at=datetime.now(UTC), acknowledged_by="bob")
    _incident(engine, opened_at=datetime.now(UTC))
    assert "nobody has been told of 1 open incidents: #1" in findings(sound)["escalation"]["message"]


def test_routes_that_reach_nobody_or_not_all_are_found(sound: Terminal, engine: Engine) -> None:
    with engine.begin() as connection:
        for position, (name, people) in enumerate({"critical": ("gone",), "high": ("ops", "gone")}.items()):
            document = Route(name, to=people, via=("inbox",)).to_document()
            row = {"name": name, "position": position, "document": document, "managed_by": "t"}
            connection.execute(insert(routing).values(updated_at=datetime.now(UTC), **row))
    assert "route default/critical reaches nobody" in findings(sound)["escalation"]["message"]
    assert "route default/high does not reach gone" in findings(sound, "warning")["escalation"]["message"]


def test_a_recovery_queue_that_nothing_consumes_is_found(sound: Terminal, engine: Engine) -> None:
    assert "recovery" in findings(sound, "ok")
    with engine.begin() as connection:
        silent = "UPDATE pulses SET at = at - interval '10 minutes', detail = '{\"depth\": 3}' "
        connection.execute(text(silent + "WHERE kind = 'queue' AND name = 'recovery'"))
    found = findings(sound)["recovery"]
    assert "3 messages wait" in found["message"]
    assert "-Q recovery" in found["fix"]
