"""Telling people by name, outside of every plan: whoever is asked to help, is given a role, or wants to hear of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from healthmgr.domain.command import BY_NAME, COMMANDER, CommandRule
from healthmgr.domain.escalation import Passed
from healthmgr.domain.incident import Incident
from healthmgr.domain.message import MessageKind
from healthmgr.domain.notification import Reason
from healthmgr.domain.plan import Target
from healthmgr.domain.timeline import Entry, EntryKind
from healthmgr.services.climbing import reach
from healthmgr.services.commanding_ports import Commanded
from healthmgr.services.routing_ports import AppointingTransaction, ClimbingTransaction, Telling

YOU_COMMAND = "You are the commander of this incident."


def by_name(
    transaction: AppointingTransaction,
    commanded: Commanded,
    due_at: Mapping[Target, datetime],
    reason: Reason,
    *,
    actor: str,
    words: str,
    kind: MessageKind = MessageKind.PROBLEM,
) -> Telling:
    """What is told to these and nobody else, with a person's words; an acknowledgement does not take it back."""
    incident = commanded.incident
    return Telling(
        incident_id=incident.id,
        episode=incident.episode,
        level=BY_NAME,
        round=transaction.next_round(incident),
        kind=kind,
        reason=reason,
        severity=incident.severity,
        targets=list(due_at),
        due_at=due_at,
        content=content(commanded, words=words),
        actor=actor,
    )


def content(commanded: Commanded, **more: Any) -> dict[str, Any]:
    """The alerts of an incident as a message tells of them."""
    return {
        "firing": [str(alert_id) for alert_id in commanded.firing],
        "resolved": [str(alert_id) for alert_id in commanded.resolved],
        **more,
    }


def first_contacts(
    transaction: ClimbingTransaction, people: Sequence[str], now: datetime
) -> tuple[dict[Target, datetime], list[str]]:
    """Each over his first contact, which is enough for what is no page; and those who have none."""
    found = transaction.people(people)
    due_at: dict[Target, datetime] = {}
    unreachable = []
    for name in people:
        person = found.get(name)
        if person is None or not person.contacts:
            unreachable.append(name)
            continue
        first = person.contacts[0]
        due_at[Target(person.name, first.channel, first.address)] = now
    return due_at, unreachable


def appoint(
    transaction: AppointingTransaction,
    incident: Incident,
    rule: CommandRule | None,
    tellings: Sequence[Telling],
    now: datetime,
) -> list[Telling]:
    """Give a grave incident its commander at its beginning, and have him told besides what is told now.

    Who is told the same moment anyway reads in that message whose the command is. One that is open again is told to
    its commander again. A rule that means nobody at this moment is said on the timeline, and tried at the next news.
    """
    if rule is None or not tellings or not rule.concerns(incident.severity):
        return []
    news = tellings[0]
    present = transaction.roles(incident.id).get(COMMANDER, ())
    if present and news.reason is not Reason.REOPENED:
        return []
    person = present[0] if present else next(iter(transaction.who_is(rule.commander, now)), None)
    detail = {"role": COMMANDER, "person": person, "rule": str(rule.commander)}
    if person is None:
        transaction.note(incident.id, Entry(EntryKind.ROLE_GIVEN, Passed.NOBODY_ON_CALL.value, "", detail), now)
        return []
    if not present:
        transaction.give_role(incident.id, COMMANDER, person, "", now)
        transaction.note(incident.id, Entry(EntryKind.ROLE_GIVEN, "by_rule", "", detail), now)
    told = {target for telling in tellings for target in telling.targets}
    due_at = reach(transaction, [person], incident.severity, now)
    due_at = {target: at for target, at in due_at.items() if target not in told}
    return [
        Telling(
            incident_id=incident.id,
            episode=incident.episode,
            level=BY_NAME,
            round=transaction.next_round(incident),
            kind=MessageKind.PROBLEM,
            reason=Reason.ROLE_GIVEN,
            severity=incident.severity,
            targets=list(due_at),
            due_at=due_at,
            content={**news.content, "words": YOU_COMMAND},
        )
    ]
