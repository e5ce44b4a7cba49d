"""A shop that is down, runbooks that would mend it, and what is known of runs: rows for pages to show."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert, select

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Severity
from healthmgr.domain.runbook import ApprovalRule, Automation, BlastRadius, OnFailure, Rails, Runbook, Step, Trigger
from healthmgr.domain.runbook_document import runbook_to_document
from healthmgr.storage.tables import approvals, breakers, run_entries, run_steps, runs, teams
from tests.builders import make_alert, make_check, make_incident, make_runbook, make_well, new_id

UNDO = Step("start-anyway", "command", "Start it all the same", {"command": ["/bin/start", "shop"]})
RESTART = Runbook(
    "restart-shop",
    (
        Step(
            "drain", "api_call", "Take it out", {"url": "http://lb.example.com/drain", "method": "POST"},
            rollback=(UNDO,),
        ),
        Step(
            "restart", "service_restart", "Restart it", {"service": "{{ parameters.unit }}"}, retries=1,
            on_failure=OnFailure.ROLLBACK, when="severity == 'critical'",
        ),
    ),
    title="Restart the shop",
    description="Takes the shop out of the balancer, and restarts it.",
    automation=Automation.FULLY_AUTOMATED,
    trigger=Trigger(checks=("shop",)),
    parameters={"unit": "shop", "size": 2},
    approval=ApprovalRule(1, ("ada", "team:web"), timedelta(minutes=15)),
    rails=Rails(max_attempts=2, most_in_window=5, cool_down=timedelta(minutes=5), blast_radius=BlastRadius(most=1)),
    team="web",
)  # fmt: skip
BY_HAND = Runbook(
    "by-hand",
    (Step("look", "notification", config={"to": "ada", "message": "{{ parameters.why }}"}),),
    automation=Automation.MANUAL,
    parameters={"why": None},
)


def make_shop(engine: Engine, healthmgr: Healthmgr, severity: str = "critical") -> UUID:
    """A shop that is down with an incident open, and two runbooks; the id of its alert."""
    now = healthmgr.now()
    make_well(engine, at=now)
    shop = make_check(
        engine, "shop", name="The shop", service="web", status="unhealthy", hard_status="unhealthy", severity=severity,
        last_message="503", last_result_at=now, since_at=now - timedelta(minutes=5),
    )  # fmt: skip
    incident = make_incident(engine, severity=severity, opened_at=now - timedelta(minutes=5))
    with engine.begin() as connection:
        connection.execute(insert(teams).values(name="web", members=["ada"], managed_by="test", updated_at=now))
    for runbook in (RESTART, BY_HAND):
        make_runbook(engine, runbook)
    return make_alert(engine, shop, incident_id=incident, severity=severity, opened_at=now - timedelta(minutes=5))


def make_run(engine: Engine, healthmgr: Healthmgr, **over: Any) -> tuple[UUID, int]:
    """A run of `restart-shop` that is running; its id and number."""
    now = healthmgr.now()
    row = {
        "id": new_id(), "runbook": "restart-shop", "document": runbook_to_document(RESTART), "trigger": "hard",
        "check_slug": "shop", "target": "shop", "severity": Severity.CRITICAL.value, "parameters": {"unit": "shop"},
        "problem_at": now, "state": "running", "reason": "triggered", "words": "shop is down",
        "created_at": now - timedelta(minutes=1),
    } | over  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(runs).values(row))
        number = connection.execute(select(runs.c.number).where(runs.c.id == row["id"])).scalar_one()
    return row["id"], number


def make_attempt(engine: Engine, healthmgr: Healthmgr, run_id: UUID, step: str, **over: Any) -> None:
    """An attempt at a step that has ended well."""
    now = healthmgr.now()
    row = {
        "id": new_id(), "run_id": run_id, "is_rollback": False, "place": 0, "attempt": 1, "step": step,
        "kind": "api_call", "state": "succeeded", "token": 1, "worker": "recovery@one",
        "started_at": now - timedelta(seconds=50), "ended_at": now - timedelta(seconds=48),
    } | over  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(run_steps).values(row))


def make_line(engine: Engine, healthmgr: Healthmgr, run_id: UUID, kind: str, **over: Any) -> None:
    """A line of what happened to a run."""
    row = {"id": new_id(), "run_id": run_id, "at": healthmgr.now(), "kind": kind} | over
    with engine.begin() as connection:
        connection.execute(insert(run_entries).values(row))


def make_question(engine: Engine, healthmgr: Healthmgr, run_id: UUID, **over: Any) -> UUID:
    """A question of a run that waits for an answer, before its first step."""
    now = healthmgr.now()
    row = {
        "id": new_id(), "run_id": run_id, "question": "May runbook restart-shop go ahead on shop?", "needed": 1,
        "approvers": [], "is_critical": True, "asked_at": now, "expires_at": now + timedelta(minutes=15),
        "state": "open",
    } | over  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(approvals).values(row))
    return row["id"]


def open_breaker(engine: Engine, healthmgr: Healthmgr, runbook: str = "restart-shop") -> None:
    """A runbook that failed three times in a row."""
    now = healthmgr.now()
    row = {"runbook": runbook, "failures": 3, "opened_at": now, "changed_at": now, "changed_by": ""}
    with engine.begin() as connection:
        connection.execute(insert(breakers).values(row))
