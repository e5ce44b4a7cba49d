"""A manager in this process, over a fleet that is played: due probes are claimed and answered as the test says."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome, ProbeOrder, Result
from healthmgr.manager import HealthManager
from healthmgr.settings import Settings

ROUTING = """
version: 1
channels:
  hook: {kind: webhook, config: {url: "http://127.0.0.1:1/", secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
recipients: {ops: {contacts: {}}}
routing: {default: {to: ops, via: hook}}
"""


@pytest.fixture
def settings(database_url: str, redis_url: str, engine: Engine) -> Settings:
    return Settings(database_url=database_url, redis_url=redis_url, secret_key="s" * 32)


@pytest.fixture
def healthmgr(settings: Settings, tmp_path: Path) -> Iterator[Healthmgr]:
    """Another process of the same installation, with somebody to tell."""
    built = build(settings, worker="fleet")
    built.upkeep.keep_partitions(built.now(), timedelta(days=1))
    path = tmp_path / "routing.yaml"
    path.write_text(ROUTING, encoding="utf-8")
    built.defining.apply(path, actor="test", origin="file", now=built.now())
    yield built
    built.close()


@pytest.fixture
def manager(settings: Settings, healthmgr: Healthmgr) -> Iterator[HealthManager]:
    manager = HealthManager.get_instance(settings)
    yield manager
    manager.close()


class Fleet:
    """A beat and a worker in one: what is due is answered with `status` until it is stopped."""

    def __init__(self, healthmgr: Healthmgr, status: Status = Status.HEALTHY) -> None:
        self._healthmgr = healthmgr
        self._status = status
        self._is_done = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fleet")

    def __enter__(self) -> Fleet:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_done.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_done.wait(0.05):
            turn(self._healthmgr, self._status)


def turn(healthmgr: Healthmgr, status: Status = Status.HEALTHY) -> list[ProbeOrder]:
    """Claim what is due and answer it."""
    now = healthmgr.now()
    orders = healthmgr.scheduling.claim_probes(now)
    results = [
        Result(order.check_id, order.sequence, status, "found", 0.25, now, {"n": 1.0}, order.cause) for order in orders
    ]
    healthmgr.evaluating.evaluate(results, now)
    return orders


def fail(healthmgr: Healthmgr, slug: str, status: Status = Status.UNHEALTHY, message: str = "gone") -> None:
    """Bring a result that is believed at once."""
    outcome = Outcome(status, message, 0.1, {}, is_conclusive=True)
    healthmgr.pushing.push(slug, outcome, actor="test", now=healthmgr.now())
