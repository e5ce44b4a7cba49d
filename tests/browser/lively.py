"""A ticket shop on a bad day: its order book is down, and everything that pages can show of that has happened."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert, select, text, update

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Severity
from healthmgr.domain.escalation import Policy
from healthmgr.domain.links import GOOD_FOR, Claim, sign
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Course, Leg, Plan
from healthmgr.storage import tables
from tests.browser.lively_around import DAY, HOUR, MINUTE, Around
from tests.builders import make_alert, make_entry, make_incident, make_notification, make_pulse, make_transition, new_id
from tests.measuring.making import Made, store
from tests.serving import SECRET_KEY

DEFINITIONS = Path(__file__).with_name("lively.yaml")
_PUBLIC = ("shop-front", "checkout", "search", "payments", "cards", "invoices", "mail-relay", "newsletter")
_TOOK = {"search": 0.34, "checkout": 0.18, "shop-front": 0.09, "cards": 0.21, "dns": 0.004, "cache": 0.002}

# What is not healthy: its state, since when, and what it says.
_ILL: dict[str, tuple[str, timedelta, str]] = {
    "orders-db": ("unhealthy", 23 * MINUTE, "connection refused: orders.harbour.example:5432"),
    "checkout": ("unhealthy", 22 * MINUTE, "503 Service Unavailable: no connection to the order book"),
    "basket": ("unhealthy", 22 * MINUTE, "answered with 500, where 200 to 299 is expected"),
    "invoices": ("unhealthy", 21 * MINUTE, "no answer within 5 s"),
    "search": ("degraded", 3 * HOUR, "response_time 340 ms is above 300 ms"),
    "newsletter": ("unknown", 9 * MINUTE, "the worker that looks at it has no way to the network"),
    "certificate": ("degraded", 2 * DAY, "the certificate ends in 12 days"),
}


class Lively:
    """The shop as rows; `fill` puts it into empty tables, and the numbers of what pages are about are noted."""

    def __init__(self, engine: Engine, healthmgr: Healthmgr) -> None:
        self._engine = engine
        self._healthmgr = healthmgr
        self.now = healthmgr.now()
        self.link = ""  # that alice answers the incident by
        self.incident = self.over = self.run = self.asking = 0

    def fill(self) -> None:
        """Everything, in the order in which it came about."""
        self._healthmgr.defining.apply(DEFINITIONS, actor="alice", origin="file", now=self.now)
        with self._engine.begin() as connection:
            found = connection.execute(select(tables.checks.c.slug, tables.checks.c.id, tables.checks.c.service)).all()
        self._ids = {row.slug: row.id for row in found}
        self._services = {row.slug: row.service for row in found}
        self._sign_of_life()
        self._states()
        self._results()
        alert = self._incidents()
        around = Around(self._engine, self._healthmgr, self.now, self._ids)
        around.runs(alert)
        around.mutes()
        around.people()
        around.told_to_everybody()
        around.foreseen()
        self.run, self.asking = around.run, around.asking

    def breathe(self) -> None:
        """Everything that has to run gives its sign of life now."""
        with self._engine.begin() as connection:
            connection.execute(text("UPDATE pulses SET at = now()"))
            connection.execute(text("UPDATE metric_progress SET rolled_at = now()"))
            connection.execute(text("UPDATE check_schedules SET next_due_at = now() + interval '18 s'"))

    def _sign_of_life(self) -> None:
        now = self.now
        for name in ("beat-1", "beat-2"):
            make_pulse(self._engine, "beat", name, now)
        make_pulse(self._engine, "sweep", "beat-1", now)
        depths = {"checks": 14, "evaluation": 2, "notifications": 1, "escalation": 0, "recovery": 0, "upkeep": 0}
        for queue, depth in depths.items():
            make_pulse(self._engine, "queue", queue, now, depth=depth, by="checks-1")
            since = (now - 9 * HOUR).isoformat()
            make_pulse(self._engine, "worker", f"{queue}@worker-1", now, queues=[queue], since=since)
        make_pulse(self._engine, "auditor", "auditor", now, findings=[])

    def _states(self) -> None:
        now, states, checks = self.now, tables.check_states, tables.checks
        with self._engine.begin() as connection:
            for slug, check_id in self._ids.items():
                status, lasting, message = _ILL.get(slug, ("healthy", 6 * DAY, "200 OK"))
                metrics = {"queued_orders": 268} if slug == "checkout" else {}
                if slug == "certificate":
                    metrics = {"certificate_days_left": 12.4}
                values = {
                    "status": status, "hard_status": status, "is_hard": True, "attempt": 3, "last_message": message,
                    "since_at": now - lasting, "last_result_at": now - 12 * timedelta(seconds=1),
                    "last_response_time": _TOOK.get(slug, 0.03), "last_metrics": metrics, "last_sequence": 10_000_000,
                }  # fmt: skip
                connection.execute(update(states).where(states.c.check_id == check_id).values(values))
            connection.execute(update(checks).where(checks.c.slug == "legacy-report").values(is_paused=True))
            later = {"next_due_at": now + 18 * timedelta(seconds=1)}
            connection.execute(update(tables.check_schedules).values(later))
            pinged = {"last_ping_at": now - 7 * HOUR, "last_kind": "success", "last_success_at": now - 7 * HOUR,
                      "ping_count": 214, "run_time": timedelta(minutes=14), "last_detail": "41 GiB"}  # fmt: skip
            connection.execute(update(tables.heartbeats).values(pinged))

    def _results(self) -> None:
        with self._engine.begin() as connection:
            for number, (slug, check_id) in enumerate(self._ids.items()):
                if slug == "legacy-report":
                    continue
                made = [*self._long_ago(slug, number), *self._lately(slug, number)]
                store(connection, check_id, *made)
        for slug, (status, lasting, message) in _ILL.items():
            make_transition(self._engine, self._ids[slug], at=self.now - lasting, new_status=status, message=message)
        for hours, slug in ((5, "cards"), (9, "dns"), (30, "shop-front")):
            at = self.now - hours * HOUR
            make_transition(self._engine, self._ids[slug], at=at, message="no answer within 5 s", sequence=1)
            make_transition(
                self._engine, self._ids[slug], at=at + 7 * MINUTE, old_status="unhealthy", new_status="healthy",
                message="200 OK", reason="recovered", sequence=2,
            )  # fmt: skip
        for _ in range(8):
            self._healthmgr.measuring.rolling.roll(self._healthmgr.now())

    def _long_ago(self, slug: str, number: int) -> Iterator[Made]:
        """A few looks on each of 90 days, for what everybody may see."""
        for day in range(1, 88 if slug in _PUBLIC else 0):
            for look in range(8):
                bad = (day + 5 * number) % 29 == 3 and look < 1 + number % 3
                at = self.now - day * DAY - look * MINUTE
                yield Made(at, 0.1, "unhealthy" if bad else "healthy", sequence=10_000 * (90 - day) + 8 - look)

    def _lately(self, slug: str, number: int) -> Iterator[Made]:
        """A look every ten minutes of the last day, every minute of its last hour and a half."""
        ages = [10 * minutes * MINUTE for minutes in range(143, 9, -1)] + [at * MINUTE for at in range(89, -1, -1)]
        status, lasting, _ = _ILL.get(slug, ("healthy", timedelta(0), ""))
        usual = _TOOK.get(slug, 0.03)
        for place, age in enumerate(ages):
            is_ill = status != "healthy" and age <= lasting
            swing = 1 + 0.25 * math.sin(place / 9 + number) + 0.2 * ((place * 7 + number) % 5) / 5
            took = usual * swing * (3 if is_ill and slug == "checkout" else 1)
            orders = 40 + 20 * math.sin(place / 15) + (9 * (22 - age / MINUTE) if is_ill else 0)
            metrics = {"queued_orders": round(orders)} if slug == "checkout" else {}
            yield Made(self.now - age - timedelta(seconds=12), took, status if is_ill else "healthy", metrics,
                       sequence=2_000_000 + place)  # fmt: skip

    def _incidents(self) -> UUID:
        """One that is going on with all that belongs to it, one that is in hand, some that are over."""
        now, engine = self.now, self._engine
        began = now - 22 * MINUTE
        main = make_incident(
            engine, severity="critical", opened_at=began, labels={"service": "orders"}, route="critical",
            last_told_at=now - 12 * MINUTE, climb_at=now + 8 * MINUTE, climb_level=2, plan=self._plan(),
        )  # fmt: skip
        cause = self._alert("orders-db", main, began, severity="critical")
        fallen = self._alert("checkout", main, began + MINUTE, severity="critical", suppressed_by_id=cause)
        for slug in ("basket", "invoices"):
            self._alert(slug, main, began + MINUTE, suppressed_by_id=cause)
        told = [("alice", "chat", 0, 0), ("alice", "text", 0, 2), ("alice", "chat", 1, 10), ("bob", "text", 1, 10)]
        for recipient, channel, level, after in told:
            at, reason = began + after * MINUTE, Reason.ESCALATED if level else Reason.FIRST
            state = {"state": "failed", "state_reason": "refused"} if channel == "text" and recipient == "bob" else {}
            make_notification(
                engine, main, recipient=recipient, channel=channel, level=level, created_at=at, sent_at=at,
                severity="critical", address=f"@{recipient}", reason=reason, **state,
            )  # fmt: skip
        self._entry(main, 0, "opened", detail={"severity": "critical", "route": "critical"})
        self._entry(main, 10, "escalated", reason=Reason.ESCALATED, detail={"level": 1})
        self._entry(main, 14, "commented", actor="bob", detail={"comment": "The disk of the order book is full."})
        with engine.begin() as connection:
            role = {
                "incident_id": main,
                "role": "commander",
                "person": "alice",
                "assigned_by": "bob",
                "assigned_at": now,
            }
            connection.execute(insert(tables.incident_roles), [role])
            task = {"incident_id": main, "created_by": "alice", "created_at": now, "assignee": "alice", "done_at": None,
                    "done_by": ""}  # fmt: skip
            connection.execute(
                insert(tables.incident_tasks),
                [
                    task | {"id": new_id(), "title": "Free space on orders-1", "assignee": "bob"},
                    task | {"id": new_id(), "title": "Tell the call centre", "done_at": now, "done_by": "carol"},
                ],
            )
            connection.execute(
                text("INSERT INTO incident_causes (incident_id, found_at, causes) VALUES (:id, :at, :causes)"),
                {"id": main, "at": now, "causes": json.dumps(self._causes(began))},
            )
        held = make_incident(
            engine, severity="medium", opened_at=now - 3 * HOUR, labels={"service": "shop"}, route="default",
            acknowledged_at=now - 2 * HOUR, acknowledged_by="carol", acknowledged_until=now + HOUR,
        )  # fmt: skip
        self._alert("search", held, now - 3 * HOUR, severity="medium")
        self._alert("certificate", make_incident(engine, severity="low", opened_at=now - 2 * DAY), now - 2 * DAY)
        for hours, slug in ((5, "cards"), (9, "dns"), (30, "shop-front")):
            at = now - hours * HOUR
            over = make_incident(engine, opened_at=at, resolved_at=at + 7 * MINUTE, severity="high")
            self._alert(slug, over, at, resolved_at=at + 7 * MINUTE, resolution="recovered")
        with engine.connect() as connection:
            rows = connection.execute(select(tables.incidents.c.id, tables.incidents.c.number)).all()
        self.incident = next(row.number for row in rows if row.id == main)
        self.over = max(row.number for row in rows)
        self.link = sign(Claim(main, "alice", now + GOOD_FOR), SECRET_KEY)
        return fallen

    def _plan(self) -> dict[str, Any]:
        with self._engine.connect() as connection:
            document = connection.execute(select(tables.escalation_policies.c.document)).scalar_one()
        leg = Leg("default/critical", (), 30 * MINUTE, policy=Policy.from_document(document))
        return Plan({Severity.CRITICAL: Course((leg,))}, Leg("default", (), 30 * MINUTE)).to_document()

    def _alert(self, slug: str, incident: UUID, at: datetime, **over: Any) -> UUID:
        message = _ILL.get(slug, ("", None, "no answer within 5 s"))[2]
        labels = {"check": slug, "service": self._services[slug], "region": "eu-west"}
        return make_alert(
            self._engine, self._ids[slug], incident_id=incident, opened_at=at, updated_at=at, summary=message,
            labels=labels, **over,
        )  # fmt: skip

    def _entry(self, incident: UUID, after: int, kind: str, **over: Any) -> None:
        make_entry(self._engine, incident, kind, at=self.now - (22 - after) * MINUTE, **over)

    def _causes(self, began: datetime) -> list[dict[str, Any]]:
        def of(kind: str, subject: str, score: float, *words: str) -> dict[str, Any]:
            evidence = [{"kind": "explains", "weight": score / len(words), "words": said} for said in words]
            return {"kind": kind, "subject": subject, "service": "orders", "score": score,
                    "at": (began - 4 * MINUTE).isoformat(), "link": "", "evidence": evidence}  # fmt: skip

        return [
            of("check", "orders-db", 4.2, "3 checks that fail hang on it", "it failed first, 41 s before the others"),
            of("change", "Deploy orders 4.12", 2.1, "it was made 4 minutes before, in the same service"),
        ]
