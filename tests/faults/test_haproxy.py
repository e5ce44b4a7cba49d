"""A real HAProxy, a whole installation that probes what is behind it, and a steady load."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest

from tests.doors.prometheus import address
from tests.faults.haproxy import Backend, Haproxy, Load, balancing, free_port, needs_haproxy
from tests.faults.installation import Installation, definitions, installed
from tests.faults.outside import Outside, eventually, outside_world

pytestmark = [pytest.mark.processes, pytest.mark.timeout(180), needs_haproxy]

INTERVAL = 4
log = logging.getLogger(__name__)
WAYS = ("agent", "httpchk")


def document(outside: Outside, backends: list[Backend]) -> dict[str, object]:
    """A check for each instance; three bad results in a row make it unhealthy."""
    timing = {"interval": f"{INTERVAL}s", "timeout": "1s", "retry_interval": "1s", "max_attempts": 3}
    found = definitions(outside, [b.name for b in backends], **timing)
    for backend in backends:
        check = found["checks"][backend.name]
        check |= {"service": "shop", "labels": {"instance": backend.name}}
        check["config"]["url"] = f"http://127.0.0.1:{backend.port}/health"
    return found


def test_no_work_goes_to_an_unhealthy_instance_and_none_is_lost_when_one_is_restarted(tmp_path: Path) -> None:
    backends = [Backend(f"web-{number}") for number in (1, 2, 3)]
    agent = free_port()
    environ = {"HEALTHMGR_AGENT_PORT": str(agent)}
    with outside_world() as outside:
        for backend in backends:
            backend.start()
        with installed(tmp_path, outside, document(outside, backends), environ=environ) as installation:
            api = int(address(installation).rsplit(":", 1)[1])
            with balancing(tmp_path, backends, "shop", agent, api) as haproxy:
                all_are_given_work_once_they_were_seen_healthy(haproxy, backends)
                one_that_fails_is_given_nothing_within_two_intervals(haproxy, backends[0])
                one_that_is_drained_is_restarted_and_nobody_notices(installation, haproxy, backends[1])
        for backend in backends:
            backend.stop()


def all_are_given_work_once_they_were_seen_healthy(haproxy: Haproxy, backends: list[Backend]) -> None:
    def all_are_up() -> bool:
        return all(haproxy.status(way, b.name) in ("UP", "no") for way in WAYS for b in backends)

    eventually(all_are_up, 30, "every instance was probed and is in service")
    eventually(lambda: haproxy.server("agent", "web-1")["last_agt"] == "via agent : up", 10, "the agent said so")


def one_that_fails_is_given_nothing_within_two_intervals(haproxy: Haproxy, backend: Backend) -> None:
    with Load(haproxy) as load:
        eventually(lambda: backend.served > 20, 10, "it is given work")
        backend.is_broken = True
        broke_at = time.monotonic()
        eventually(lambda: all(haproxy.status(way, backend.name) == "DOWN" for way in WAYS), 2 * INTERVAL, "it is out")
        took = time.monotonic() - broke_at
        eventually(lambda: haproxy.server("agent", backend.name)["scur"] == "0", 5, "what it had is done")
        settled, answered = backend.served, load.answered
        eventually(lambda: load.answered > answered + 100, 20, "the others work on")
        assert backend.served == settled, "an unhealthy instance is given nothing"
    assert load.failures == []
    assert "unhealthy" in haproxy.server("agent", backend.name)["last_agt"]
    log.info("out of service %.1f s after it broke; its interval is %d s", took, INTERVAL)


def one_that_is_drained_is_restarted_and_nobody_notices(
    installation: Installation, haproxy: Haproxy, backend: Backend
) -> None:
    with Load(haproxy) as load:
        eventually(lambda: backend.served > 20, 10, "it is given work")
        installation.run("lb", "drain", f"shop/{backend.name}", "--reason", "a new version")
        eventually(lambda: haproxy.status("agent", backend.name) == "DRAIN", 5, "it is drained")
        eventually(lambda: haproxy.status("httpchk", backend.name) == "DOWN", 5, "the other way, too")
        eventually(
            lambda: all(haproxy.server(way, backend.name)["scur"] == "0" for way in WAYS), 5, "what it had is done"
        )
        backend.stop()
        answered = load.answered
        eventually(lambda: load.answered > answered + 100, 20, "the other works on, alone")
        backend.start()
        installation.run("lb", "enable", f"shop/{backend.name}")
        served = backend.served
        eventually(lambda: backend.served > served + 20, 15, "it is given work again")
    assert load.failures == [], "no request failed"
    assert load.answered > 300
