"""What stands around the ticket shop's bad day: runs, mutes, changes of shifts, announcements, what was learned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, insert, select

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.announcement import Impact, Kind, State, Wanted
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.silence import Draft
from healthmgr.services.maintaining import Plan, read_window
from healthmgr.storage import tables
from tests.browser.recovering import make_attempt, make_line, make_question, make_run
from tests.builders import new_id

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ALICE = {"actor": "alice", "origin": "dashboard 10.0.3.17"}


class Around:
    """Rows beside those of checks and incidents; the numbers of the runs that pages are about are noted."""

    def __init__(self, engine: Engine, healthmgr: Healthmgr, now: datetime, ids: Mapping[str, UUID]) -> None:
        self._engine = engine
        self._healthmgr = healthmgr
        self.now = now
        self._ids = ids
        self.run = self.asking = 0

    def runs(self, alert: UUID) -> None:
        engine, healthmgr, now = self._engine, self._healthmgr, self.now
        with engine.connect() as connection:
            books = tables.runbooks
            documents = {row.name: row.document for row in connection.execute(select(books.c.name, books.c.document))}
        of_checkout = {
            "runbook": "restart-checkout", "document": documents["restart-checkout"], "check_slug": "checkout",
            "target": "checkout", "parameters": {"unit": "checkout"},
        }  # fmt: skip
        for days, state in ((1, "succeeded"), (3, "succeeded"), (4, "failed"), (9, "succeeded"), (12, "cancelled")):
            at = now - days * DAY
            ended = {
                "started_at": at,
                "ended_at": at + 95 * timedelta(seconds=1),
                "state": state,
                "words": "it was down",
            }
            make_run(engine, healthmgr, **of_checkout, created_at=at, **ended)
        run_id, self.run = make_run(
            engine, healthmgr, **of_checkout, alert_id=alert, created_at=now - 19 * MINUTE, words="checkout is down",
            started_at=now - 18 * MINUTE,
        )  # fmt: skip
        make_attempt(engine, healthmgr, run_id, "drain", kind="load_balancer", message="checkout-1 is drained")
        make_attempt(
            engine, healthmgr, run_id, "restart", kind="service_restart", place=1, state="timed_out",
            message="it did not come up within 2 min",
            output="Stopping checkout.service\nStarting checkout.service\ncheckout[4211]: cannot reach the order book",
        )  # fmt: skip
        make_attempt(
            engine, healthmgr, run_id, "restart", kind="service_restart", place=1, attempt=2, state="running",
            ended_at=None,
        )  # fmt: skip
        detail = {"runbook": "restart-checkout", "number": self.run, "target": "checkout"}
        make_line(engine, healthmgr, run_id, "run_started", detail=detail, at=now - 18 * MINUTE)
        cache = {
            "runbook": "clear-cache",
            "document": documents["clear-cache"],
            "check_slug": "cache",
            "words": "by hand",
        }
        asking, self.asking = make_run(
            engine, healthmgr, **cache, target="cache", state="awaiting_approval", started_by="carol",
            severity="high", trigger="person",
        )  # fmt: skip
        make_question(
            engine, healthmgr, asking, question="May runbook clear-cache go ahead on cache?", is_critical=False,
            approvers=["team:platform", "admin-token"],
        )  # fmt: skip

    def mutes(self) -> None:
        now, healthmgr = self.now, self._healthmgr
        silences = [
            ("check=search", -HOUR, 5 * HOUR, "The index is rebuilt; it is slow until the evening."),
            ('service="mail", severity=~"low|medium"', 2 * HOUR, 6 * HOUR, "The provider moves our mail."),
            ("check=dns", -3 * DAY, -3 * DAY + HOUR, "A new name server."),
        ]
        for matchers, begin, end, comment in silences:
            draft = Draft(parse_matchers(matchers), now + end, "carol", comment, starts_at=now + begin)
            asked_at = min(now, now + begin)
            healthmgr.silencing.save(draft, actor="carol", origin="cli", now=asked_at)
        window = read_window({"starts_at": now - 20 * MINUTE, "ends_at": now + 100 * MINUTE})
        plan = Plan(
            "new-rack", parse_matchers("service=hosts"), window, "web-2 moves to another rack.", covers_dependents=True
        )
        healthmgr.maintaining.add(plan, **ALICE, now=now)

    def people(self) -> None:
        now, healthmgr, engine = self.now, self._healthmgr, self._engine
        swap = {
            "id": new_id(), "schedule": "shop", "proposed_by": "alice", "proposed_to": "bob", "state": "proposed",
            "given_from": now + 2 * DAY, "given_to": now + 3 * DAY, "created_at": now - HOUR,
            "comment": "My sister's wedding",
        }  # fmt: skip
        override = {
            "id": new_id(), "schedule": "shop", "starts_at": now + 5 * HOUR, "ends_at": now + 13 * HOUR,
            "added": "carol", "removed": "bob", "created_by": "bob", "created_at": now - DAY, "comment": "Dentist",
        }  # fmt: skip
        verified = {"person": "alice", "channel": "chat", "address": "@alice", "verified_at": now - 40 * DAY}
        with engine.begin() as connection:
            connection.execute(insert(tables.shift_swaps).values(swap))
            connection.execute(insert(tables.schedule_overrides).values(override))
            connection.execute(insert(tables.contact_checks).values(verified))
        healthmgr.tokens.create("wallboard", "viewer", now, None, ["checks:read", "incidents:read"], **ALICE)
        healthmgr.tokens.create("deploys", "ingest", now, now + 90 * DAY, **ALICE)
        for name, role in (("alice", "admin"), ("bob", "responder"), ("grace", "viewer")):
            healthmgr.users.add(name, "lights along the quay", role, now, **ALICE)

    def told_to_everybody(self) -> None:
        announcing, now = self._healthmgr.public.announcing, self.now
        mail = announcing.publish(
            Wanted(Kind.INCIDENT, "Tickets came late by mail", "Mails take up to an hour.", groups=("Mail",)),
            now=now - 2 * DAY, **ALICE,
        )  # fmt: skip
        announcing.update(mail.number, State.RESOLVED, "All of them are delivered.", now=now - 2 * DAY + HOUR, **ALICE)
        announcing.publish(
            Wanted(Kind.INCIDENT, "Orders fail", "We look for the cause.", Impact.PARTIAL, ("Buying tickets",)),
            now=now - 15 * MINUTE, **ALICE,
        )  # fmt: skip
        start = now + DAY
        planned = Wanted(
            Kind.MAINTENANCE, "New racks", "Cards may be refused for a minute.", Impact.NONE, ("Payments",),
            starts_at=start, ends_at=start + 2 * HOUR,
        )  # fmt: skip
        announcing.publish(planned, now=now, **ALICE)

    def foreseen(self) -> None:
        row = {
            "check_id": self._ids["newsletter"], "parent_id": self._ids["search"], "together": 9, "confidence": 0.9,
            "lift": 40.0, "lag": timedelta(seconds=20), "seen_at": self.now,
        }  # fmt: skip
        change = {
            "id": new_id(), "at": self.now - 27 * MINUTE, "service": "orders", "title": "Deploy orders 4.12",
            "version": "4.12", "changed_by": "bob", "source": "api", "reported_at": self.now,
        }  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(insert(tables.dependency_suggestions).values(row))
            connection.execute(insert(tables.changes).values(change))
