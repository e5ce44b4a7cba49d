"""Incidents that climb three levels, each with people of its own, and the reminders about them played again."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from celery import Celery
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.domain.check import Severity, Status
from healthmgr.domain.dispatch import Due, Work
from healthmgr.errors import Unavailable
from healthmgr.settings import Settings
from healthmgr.storage.alert_rows import AlertRows, NewAlert
from tests.faults.installation import Installation
from tests.faults.outside import SECRET, Outside
from workers.app import configuration
from workers.publishing import Publisher

LEVELS = 3

_DUE = text("""
SELECT 'dispatch' AS work, group_key AS key, token::bigint, due_at, '' AS lane FROM dispatches
UNION ALL SELECT 'escalation', id::text, token, due_at, '' FROM incidents WHERE due_at IS NOT NULL
UNION ALL SELECT 'notification', id::text, token, due_at, channel FROM notifications WHERE due_at IS NOT NULL
""")


def climbing(outside: Outside, count: int, delay: float) -> dict[str, Any]:
    """Definitions: services s0, s1, ..., each with a policy of its own, whose levels follow `delay` seconds apart.

    Everybody is another person, since what one person is sent beyond ten messages a minute goes into digests.
    """
    levels = range(LEVELS)
    people = {
        f"p{n}-{level}": {"contacts": [{"via": "hook", "to": f"p{n}-{level}"}]}
        for n in range(count)
        for level in levels
    }
    policies = {
        f"climb-{n}": {"levels": [{"to": f"p{n}-{level}"} | ({"after": f"{delay:g}s"} if level else {})
                                  for level in levels]}
        for n in range(count)
    }  # fmt: skip
    routes = [
        {"matchers": [f'service="s{n}"'], "escalation": f"climb-{n}", "group_wait": "0s", "name": f"r{n}"}
        for n in range(count)
    ]
    mail = {"host": "127.0.0.1", "port": outside.smtp_port, "from": "hm@example.com", "tls": "none"}
    hook = {"url": f"http://127.0.0.1:{outside.hook_port}/", "secret": SECRET}
    return {
        "version": 1,
        "channels": {"mail": {"kind": "email", "config": mail}, "hook": {"kind": "webhook", "config": hook}},
        "recipients": {"ops": {"contacts": {"mail": "ops@example.com"}}},
        "people": people,
        "escalation_policies": policies,
        "routing": {"routes": routes, "default": {"to": ["ops"], "via": ["mail"]}},
        "checks": {},
    }


@dataclass
class Climbers:
    """The incidents of an installation, and what a process beside its own does to them."""

    installation: Installation
    healthmgr: Healthmgr
    publisher: Publisher
    answered_at: dict[UUID, datetime] = field(default_factory=dict)
    replayed: int = 0
    _stops: threading.Event = field(default_factory=threading.Event)
    _ended: threading.Event = field(default_factory=threading.Event)

    def break_all(self, services: Sequence[int]) -> None:
        """Open an alert for each of these services."""
        now = self.healthmgr.now()
        alerts = [
            NewAlert(f"climb:{n}", {"service": f"s{n}"}, Severity.CRITICAL, Status.UNHEALTHY, "broken", name=f"s{n}")
            for n in services
        ]
        with self.healthmgr.engine.begin() as connection:
            _, dues = AlertRows(connection).open_all([(alert, "new_alert") for alert in alerts], now)
        self.publisher.remind(dues, now)

    @contextmanager
    def answering(self, services: Sequence[int]) -> Iterator[None]:
        """Meanwhile these are acknowledged; ends when all of them are."""
        thread = threading.Thread(target=self.answer, args=(services,))
        thread.start()
        try:
            yield
        except BaseException:
            self._ended.set()
            raise
        finally:
            thread.join()

    def answer(self, services: Sequence[int]) -> None:
        """Acknowledge the incidents of these services, one after the other, also while the servers are away."""
        for n in services:
            while not self._answer(f"s{n}") and not self._ended.is_set():
                self._ended.wait(0.1)

    def _answer(self, service: str) -> bool:
        try:
            rows = self.installation.rows(
                "SELECT incident_id FROM alerts WHERE labels->>'service' = :service AND incident_id IS NOT NULL",
                service=service,
            )
            if not rows:
                return False
            self.healthmgr.answering.acknowledge(
                rows[0][0], actor="test", origin="test", now=self.healthmgr.now(), comment=""
            )
        except OperationalError:
            return False
        self.answered_at[rows[0][0]] = self.healthmgr.now()
        return True

    def replay(self) -> None:
        """Until the end, publish every reminder that is due once more, and some long after their time."""
        seen: set[tuple[str, str, int]] = set()
        old: list[Due] = []
        while not self._stops.wait(0.3):
            try:
                with self.healthmgr.engine.connect() as connection:
                    rows = connection.execute(_DUE).all()
                fresh = [row for row in rows if (row.work, row.key, row.token) not in seen]
                seen.update((row.work, row.key, row.token) for row in fresh)
                dues = [Due(Work(row.work), row.key, row.token, row.due_at, row.lane) for row in fresh]
                again = [*dues, *random.sample(old, min(20, len(old)))]
                self.publisher.reminders(again, self.healthmgr.now())
            except (OperationalError, Unavailable):
                continue
            old += dues
            self.replayed += len(again)

    @contextmanager
    def replaying(self) -> Iterator[None]:
        """Every message comes twice at the least."""
        thread = threading.Thread(target=self.replay)
        thread.start()
        try:
            yield
        finally:
            self._stops.set()
            thread.join()
            self._stops.clear()


@contextmanager
def climbers(installation: Installation) -> Iterator[Climbers]:
    """Built on what the installation's processes are given."""
    settings = Settings.load(installation.environment)
    app = Celery(set_as_current=False)
    app.conf.update(configuration(settings))
    healthmgr = build(settings)
    try:
        yield Climbers(installation, healthmgr, Publisher(app))
    finally:
        healthmgr.close()
        app.close()
