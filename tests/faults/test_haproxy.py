"""A real HAProxy, a whole installation that probes what is behind it, and a steady load."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
import requests

from healthmgr.api.agent import Agent
from healthmgr.api.balancer_answers import BalancerAnswers
from healthmgr.domain.balancing import Belief, Instance, Key, Seen, Wanted, Wish, decide
from healthmgr.domain.check import Status
from healthmgr.errors import Unavailable
from tests.builders import NOW
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
        return all(haproxy.status(way, b.name) == "UP" for way in WAYS for b in backends)

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


def want(installation: Installation, backend: Backend, wanted: str) -> None:
    """As a deployment does it: over HTTP, with a token."""
    found = re.search(r"#token=(hm_\S+)", installation.log.read_text())
    assert found, "up tells a token"
    answer = requests.post(
        f"{address(installation)}/api/v1/lb/shop/{backend.name}",
        json={"wanted": wanted, "reason": "a new version"},
        headers={"Authorization": f"Bearer {found[1]}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text


def one_that_is_drained_is_restarted_and_nobody_notices(
    installation: Installation, haproxy: Haproxy, backend: Backend
) -> None:
    with Load(haproxy) as load:
        eventually(lambda: backend.served > 20, 10, "it is given work")
        want(installation, backend, "drained")
        eventually(lambda: haproxy.status("agent", backend.name) == "DRAIN", 5, "it is drained")
        eventually(lambda: haproxy.status("httpchk", backend.name) == "DOWN", 5, "the other way, too")
        eventually(
            lambda: all(haproxy.server(way, backend.name)["scur"] == "0" for way in WAYS), 5, "what it had is done"
        )
        backend.stop()
        answered = load.answered
        eventually(lambda: load.answered > answered + 100, 20, "the other works on, alone")
        backend.start()
        want(installation, backend, "enabled")
        served = backend.served
        eventually(lambda: backend.served > served + 20, 15, "it is given work again")
    assert load.failures == [], "no request failed"
    assert load.answered > 140


class Told:
    """What an agent of its own tells HAProxy of one instance, changed while both run."""

    def __init__(self) -> None:
        self.instance: Instance | None = None
        self.hours = 0
        self._loop = asyncio.new_event_loop()
        self._agent = Agent(BalancerAnswers(self._look, lambda: time.monotonic() + 3600 * self.hours))

    def _look(self) -> Mapping[Key, Seen]:
        if self.hours:
            raise Unavailable("PostgreSQL does not answer")
        one = self.instance
        return {one.key: Seen(one, decide(one, NOW, 50))} if one else {}

    def __enter__(self) -> Told:
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._agent.start("127.0.0.1", 0), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._agent.stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    @property
    def port(self) -> int:
        """Where the agent listens."""
        return self._agent.port

    def knows_nothing(self) -> None:
        """The database has been away for longer than anything is told on."""
        self.hours = 2

    def tell(self, status: Status, wanted: Wanted = Wanted.ENABLED) -> None:
        """From now on the instance is so."""
        belief = Belief("web-1", status, True, status, True, 1, 1)
        self.instance = Instance(Key("shop", "web-1"), (belief,), Wish(wanted, "alice", NOW))


def test_haproxy_understands_every_answer_and_keeps_its_own_when_there_is_none(tmp_path: Path) -> None:
    backend = Backend("web-1")
    with Told() as told, balancing(tmp_path, [backend], "shop", told.port, told.port) as haproxy:

        def becomes(status: str, weight: str) -> None:
            def is_so() -> bool:
                return (haproxy.status("agent", "web-1"), haproxy.server("agent", "web-1")["weight"]) == (
                    status,
                    weight,
                )

            eventually(is_so, 5, f"{status} with weight {weight}")

        def stays_though_it_hears(what: str) -> None:
            before = haproxy.server("agent", "web-1")
            eventually(lambda: what in haproxy.server("agent", "web-1")["last_agt"], 5, f"it hears {what!r}")
            after = haproxy.server("agent", "web-1")
            assert (after["status"], after["weight"]) == (before["status"], before["weight"])

        becomes("DOWN", "100")  # no check watches it
        told.tell(Status.HEALTHY)
        becomes("UP", "100")
        told.tell(Status.DEGRADED)
        becomes("UP", "50")
        told.tell(Status.DEGRADED, Wanted.DRAINED)
        becomes("DRAIN", "100")
        told.tell(Status.UNHEALTHY, Wanted.DRAINED)
        becomes("DOWN", "100")
        told.tell(Status.UNHEALTHY)
        becomes("DOWN", "100")
        told.tell(Status.HEALTHY)
        becomes("UP", "100")
        told.knows_nothing()
        stays_though_it_hears("unsure")
