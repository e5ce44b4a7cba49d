"""Between the rows of people, teams, schedules and escalation policies and their definitions."""

from __future__ import annotations

from typing import Any

from healthmgr.definitions.definition import (
    PolicyDefinition,
    RecipientDefinition,
    ScheduleDefinition,
    TeamDefinition,
)
from healthmgr.domain.escalation import Policy
from healthmgr.domain.person import (
    contacts_from_document,
    contacts_to_document,
    quiet_from_document,
    quiet_to_document,
)
from healthmgr.domain.schedule import Layer


def recipient_row(item: RecipientDefinition) -> dict[str, Any]:
    """The own columns of a recipient."""
    return {
        "name": item.name,
        "display_name": item.display_name,
        "contacts": dict(item.contacts),
        "contact_plan": contacts_to_document(item.contact_plan),
        "quiet_hours": quiet_to_document(item.quiet),
        "timezone": item.timezone,
    }


def read_recipient(row: Any) -> RecipientDefinition:
    """The reverse."""
    return RecipientDefinition(
        row.name,
        row.display_name,
        row.contacts,
        contacts_from_document(row.contact_plan),
        quiet_from_document(row.quiet_hours),
        row.timezone,
    )


def team_row(item: TeamDefinition) -> dict[str, Any]:
    """The own columns of a team."""
    return {"name": item.name, "members": list(item.members)}


def read_team(row: Any) -> TeamDefinition:
    """The reverse."""
    return TeamDefinition(row.name, tuple(row.members))


def schedule_row(item: ScheduleDefinition) -> dict[str, Any]:
    """The own columns of a schedule."""
    return {
        "name": item.name,
        "description": item.description,
        "timezone": item.timezone,
        "layers": [layer.to_document() for layer in item.layers],
        "feeds": dict(item.feeds),
    }


def read_schedule_definition(row: Any) -> ScheduleDefinition:
    """The reverse."""
    layers = tuple(Layer.from_document(layer) for layer in row.layers)
    return ScheduleDefinition(row.name, row.timezone, layers, row.feeds, row.description)


def policy_row(item: PolicyDefinition) -> dict[str, Any]:
    """The own columns of an escalation policy."""
    return {"name": item.name, "document": item.policy.to_document()}


def read_policy(row: Any) -> PolicyDefinition:
    """The reverse."""
    return PolicyDefinition(Policy.from_document(row.document))
