"""What people hear of runbooks: that one failed, that one asks whether it may go on, what a step tells them.

All of it travels the ways of the incident: whoever is asked by name is told besides the climb.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from healthmgr.domain.dispatch import Due
from healthmgr.domain.escalation import Named
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Target
from healthmgr.domain.step import Tell
from healthmgr.services.calling import by_name
from healthmgr.services.climbing import reach
from healthmgr.services.commanding import Act, next_level
from healthmgr.services.commanding_ports import Commanded
from healthmgr.services.recovering_ports import Asked, RecoveringTransaction, Run
from healthmgr.services.routing_telling import tell_all

BY_RECOVERY = "recovery"


def page(transaction: RecoveringTransaction, run: Run, words: str, now: datetime) -> list[Due]:
    """A person has to hear of this now: the incident's next level, or whoever has it in hand.

    Where no incident is open, an alert of its own is, which goes the way that the routes say.
    """
    commanded = _incident(transaction, run, now)
    if commanded is None:
        return transaction.open_alert(run, f"Runbook {run.runbook.name}", words, now)
    if commanded.incident.acknowledged_at is None:
        next_level(transaction, commanded, Reason.RECOVERY_FAILED, Act("", BY_RECOVERY, now, words))
        return []
    due_at = dict.fromkeys(_involved(transaction, commanded), now)
    telling = by_name(transaction, commanded, due_at, Reason.RECOVERY_FAILED, actor="", words=words)
    return tell_all(transaction, [telling], now)


def ask_people(transaction: RecoveringTransaction, run: Run, asked: Asked, now: datetime) -> list[Due]:
    """Have those who may approve asked; whoever is not named is asked with the rest of those who are told."""
    words = f"{asked.text} Answer with `healthmgr approvals approve {asked.number}` or `... deny {asked.number}`."
    commanded = _incident(transaction, run, now)
    if commanded is None:
        return transaction.open_alert(run, f"Approval {asked.number}", words, now, asked)
    named = asked.question.approvers
    due_at: dict[Target, datetime] = {}
    if named is not None:
        due_at = reach(transaction, sorted(named), run.severity, now)
    if not due_at:
        due_at = dict.fromkeys(_involved(transaction, commanded), now)
    telling = by_name(transaction, commanded, due_at, Reason.APPROVAL_ASKED, actor="", words=words)
    question = {"id": str(asked.id), "number": asked.number, "question": asked.text}
    return tell_all(transaction, [replace(telling, content={**telling.content, "approval": question})], now)


def tell(transaction: RecoveringTransaction, run: Run, said: Tell, now: datetime) -> tuple[str, list[Due]]:
    """Tell what a step has to say; what became of it, for people."""
    commanded = _incident(transaction, run, now)
    if commanded is None:
        return f"told nobody, for there is no incident: {said.message}", []
    targets = _meant(transaction, commanded, run, said, now)
    if not targets:
        return f"told nobody, for none of them can be reached so: {said.message}", []
    update = MessageKind.UPDATE
    due_at = dict.fromkeys(targets, now)
    telling = by_name(transaction, commanded, due_at, Reason.TOLD_BY_RUNBOOK, actor="", words=said.message, kind=update)
    dues = tell_all(transaction, [telling], now)
    return f"told {len(targets)}: {said.message}", dues


def people_of(transaction: RecoveringTransaction, names: Sequence[str], now: datetime) -> frozenset[str]:
    """Who is meant at this moment by people, teams and schedules as definitions write them."""
    return frozenset(person for name in names for person in transaction.who_is(Named.parse(name), now))


def _incident(transaction: RecoveringTransaction, run: Run, now: datetime) -> Commanded | None:
    """The run's incident while it is open, its row locked."""
    if run.incident_id is None:
        return None
    found = transaction.take([run.incident_id], now)
    return found[0] if found and not found[0].is_resolved else None


def _involved(transaction: RecoveringTransaction, commanded: Commanded) -> list[Target]:
    """Those who were told of it; before anybody was, those whom its plan names."""
    course, default = commanded.incident.course, commanded.incident.plan.default
    planned = list(dict.fromkeys(course.targets)) or list(default.targets)
    return transaction.told_targets(commanded.id) or planned


def _meant(
    transaction: RecoveringTransaction, commanded: Commanded, run: Run, said: Tell, now: datetime
) -> list[Target]:
    """Whom a step means: by name over these channels, or those who are told of the incident over these."""
    channels = transaction.channels_like(said.channels) if said.channels else {}
    if said.recipients:
        people = people_of(transaction, said.recipients, now)
        if said.channels and not channels:
            return []
        return list(reach(transaction, sorted(people), run.severity, now, channels=sorted(channels)))
    involved = _involved(transaction, commanded)
    if not said.channels:
        return involved
    found = [target for target in involved if target.channel in channels]
    # A channel that is its own address needs nobody to have been told over it before.
    alone = [Target(name, name, "") for name, needs_address in channels.items() if not needs_address]
    told = {target.channel for target in found}
    return [*found, *(target for target in alone if target.channel not in told)]
