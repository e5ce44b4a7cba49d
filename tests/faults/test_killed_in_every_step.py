"""`kill -9` of the recovery worker while a server has its order and has not answered: nobody gives the order again.

Programs, functions and restarts are killed in test_recovery_faults; these are the kinds that talk to a server.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import structlog
from sqlalchemy import make_url, text

from healthmgr.storage.database import connect
from tests.faults.holding import Holding
from tests.faults.installation import definitions, installed
from tests.faults.outside import eventually, outside_world
from tests.faults.repairs import Repairs, Replay, definitions_with, run_states
from tests.faults.test_climbing_faults import flush

pytestmark = [pytest.mark.processes, pytest.mark.timeout(300)]
log = structlog.get_logger(__name__)

KINDS = ("api-call", "celery", "load-balancer", "redis", "sql")
_TOLD = """
SELECT DISTINCT r.check_slug FROM runs r JOIN alerts a ON a.id = r.alert_id
JOIN notifications n ON n.incident_id = a.incident_id AND n.reason = 'recovery_failed' WHERE n.state = 'sent'
"""


def place_of(url: str) -> tuple[str, int] | str:
    """Where a server listens."""
    parts = make_url(url)
    usual = 6379 if parts.drivername == "redis" else 5432
    folder = str(parts.query.get("host") or "")
    if folder.startswith("/"):
        return f"{folder}/.s.PGSQL.{parts.query.get('port') or parts.port or usual}"
    return parts.host or "127.0.0.1", parts.port or usual


def moved(url: str, port: int) -> str:
    """The same server, over another port of this machine."""
    parts = make_url(url).set(host="127.0.0.1", port=port).difference_update_query(["host", "port"])
    return parts.render_as_string(hide_password=False)


@contextmanager
def steps_that_are_held(ledger: Path, database_url: str, redis_url: str) -> Iterator[dict[str, dict[str, Any]]]:
    """A step of each kind, whose order is taken and never answered."""
    servers = (
        Holding("api-call", b"POST /", ledger),
        Holding("celery", b"PUBLISH", ledger, place_of(redis_url)),
        Holding("load-balancer", b"set server", ledger),
        Holding("redis", b"INCRBY", ledger, place_of(redis_url)),
        Holding("sql", b"INSERT INTO deeds", ledger, place_of(database_url)),
    )
    with ExitStack() as stack:
        ports = {server.name: stack.enter_context(server.listening()) for server in servers}
        haproxy = {"driver": "haproxy", "socket": f"127.0.0.1:{ports['load-balancer']}"}
        yield {
            "api-call": {"url": f"http://127.0.0.1:{ports['api-call']}/restart"},
            "celery": {"action": "pool_grow", "broker_url": moved(redis_url, ports["celery"])},
            "load-balancer": {"action": "drain", "service": "shop", "instance": "web-1", **haproxy},
            "redis": {"url": moved(redis_url, ports["redis"]), "command": ["INCRBY", "deeds", "1"]},
            "sql": {
                "url": moved(database_url, ports["sql"]),
                "statement": "INSERT INTO deeds VALUES ('sql')",
            },
        }


def test_no_order_to_a_server_is_given_twice(tmp_path: Path, database_url: str, redis_url: str) -> None:
    repairs = Repairs(tmp_path)
    engine = connect(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE deeds (name text)"))
    try:
        with steps_that_are_held(repairs.ledger, database_url, redis_url) as held, outside_world() as outside:
            base = definitions(outside, list(held), degraded_severity="high", interval="5s")
            for check in base["checks"].values():
                check["severity"] = "high"
            base["routing"]["default"]["group_wait"] = "0s"
            runbooks = {
                name: [
                    {"id": name, "kind": name.replace("-", "_"), "timeout": "50s", "config": config},
                    repairs.step("command", f"after-{name}", 0.0),
                ]
                for name, config in held.items()
            }
            document = definitions_with(base, runbooks)
            with installed(tmp_path, outside, document, environ=repairs.environ) as installation:
                healthy = "SELECT count(*) AS n FROM check_states WHERE status = 'healthy'"
                eventually(lambda: installation.rows(healthy)[0].n == len(KINDS), 60, "all checks are healthy")
                replay = Replay(installation)
                with replay.going():
                    outside.broken |= set(KINDS)
                    eventually(lambda: len(repairs.lines()) >= len(KINDS), 60, lambda: f"under way: {repairs.lines()}")
                    killed_at = time.monotonic()
                    installation.kill("upkeep")
                    flush(installation)
                    over = dict.fromkeys(KINDS, ("abandoned", "worker_lost"))
                    eventually(
                        lambda: run_states(installation) == over, 90, lambda: f"given up: {run_states(installation)}"
                    )
                    log.info("killed_in_steps", seconds_until_given_up=round(time.monotonic() - killed_at, 1))
                    eventually(lambda: len(installation.rows(_TOLD)) == len(KINDS), 30, "people are told of each")
                assert replay.sent > 100
        assert Counter(repairs.lines()) == Counter(f"begin {name}" for name in KINDS)
        with redis.Redis.from_url(redis_url) as client:
            assert client.get("deeds") == b"1", "the server did what it was told once"
        with engine.connect() as connection:
            kept = connection.execute(text("SELECT count(*) FROM deeds")).scalar_one()
        assert kept == 0, "a statement whose end nobody heard was not committed"
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE deeds"))
        engine.dispose()
