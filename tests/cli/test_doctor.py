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

from healthmgr.storage.tables import channels, recipients, routes
from tests.builders import make_check, make_result, make_well
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
    check_id = make_check(engine, "elsewhere", config={"host": "127.0.0.1"})
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
        connection.execute(routes.delete())
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
