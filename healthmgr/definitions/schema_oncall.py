"""The part of the schema about who is called: people, teams, schedules, policies and rules."""

from __future__ import annotations

from typing import Any

from healthmgr.definitions.models_oncall import (
    TIERS,
    ContactEntry,
    LevelEntry,
    PersonEntry,
    PolicyEntry,
    QuietHoursEntry,
    RuleEntry,
    ScheduleEntry,
    TeamEntry,
    WhenEntry,
)
from healthmgr.definitions.schema_parts import INTERVAL, LENGTH, LISTED_INTERVALS, NAMES, named, object_of
from healthmgr.domain.check import Severity

_SEVERITIES = {"enum": [severity.value for severity in Severity]}
_SEVERITY_LIST = {"anyOf": [_SEVERITIES, {"type": "array", "minItems": 1, "items": _SEVERITIES}]}
_ALERTS = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\s*(>=?)?\s*\d+\s*$"}]}
_ROTATION: dict[str, Any] = {
    "type": {"enum": ["hourly", "daily", "weekly", "monthly"], "description": "what a turn is counted in"},
    "length": {"type": "integer", "minimum": 1, "description": "how many of them a turn lasts"},
    "start": {"type": "string", "description": "when the first turn begins, on the wall: '2026-01-05 09:00'"},
    "members": {**NAMES, "description": "people, in the order of their turns"},
    "timezone": {"type": "string", "description": "whose clock that is; the schedule's where it is not said"},
}
_LAYER: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "priority": {"type": "integer", "description": "of the layers that have somebody, those of the highest hold"},
        "rotation": {"type": "object", "additionalProperties": False, "properties": _ROTATION},
        **_ROTATION,
        "people": {**NAMES, "description": "people at all times that the layer holds, in place of a rotation"},
        "weekdays": {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "as 'monday:friday'"},
        "hours": {**LISTED_INTERVALS, "description": "when it holds; always where it is not said"},
        "from": {"type": "string", "description": "when it begins, on the wall"},
        "to": {"type": "string", "description": "when it ends, on the wall"},
        "until": {"type": "string", "description": "the same as to"},
    },
}


def oncall_sections(shared: dict[str, Any]) -> dict[str, Any]:
    """These sections of the file, by name."""
    person = named(_person(shared))
    members = {"type": "array", "minItems": 1, "items": {"type": "string"}}
    return {
        "people": person,
        "recipients": person,
        "teams": named({"anyOf": [object_of(TeamEntry, shared), {"type": "string"}, members]}),
        "schedules": named(_schedule(shared)),
        "escalation_policies": named(_policy(shared)),
        "escalation_rules": {"type": "array", "items": _rule(shared)},
    }


def _person(shared: dict[str, Any]) -> dict[str, Any]:
    person = object_of(PersonEntry, shared)
    contact = {**object_of(ContactEntry, shared), "required": ["via"]}
    by_channel = {"type": "object", "additionalProperties": {"type": "string"}}
    ways = {"anyOf": [{"type": "array", "items": contact}, by_channel]}
    hours = {"anyOf": [INTERVAL, {"type": "string"}]}
    quiet = object_of(QuietHoursEntry, shared)
    quiet["properties"]["hours"] = {"anyOf": [hours, {"type": "array", "minItems": 1, "items": hours}]}
    quiet["properties"]["severities"] = _SEVERITY_LIST
    _describe(person, "contacts", ways)
    _describe(person, "quiet_hours", {"anyOf": [quiet, {"type": "array", "items": quiet}]})
    return person


def _schedule(shared: dict[str, Any]) -> dict[str, Any]:
    schedule = object_of(ScheduleEntry, shared)
    _describe(schedule, "layers", {"anyOf": [_LAYER, {"type": "array", "items": _LAYER}]})
    return schedule


def _policy(shared: dict[str, Any]) -> dict[str, Any]:
    when = object_of(WhenEntry, shared)
    _describe(when, "severity", _SEVERITY_LIST)
    for name in ("alerts", "at_least"):
        _describe(when, name, _ALERTS)
    level = object_of(LevelEntry, shared)
    _describe(level, "when", when)
    _describe(level, "after", LENGTH)
    policy = object_of(PolicyEntry, shared)
    _describe(policy, "levels", {"type": "array", "minItems": 1, "items": level})
    return policy


def _rule(shared: dict[str, Any]) -> dict[str, Any]:
    rule = object_of(RuleEntry, shared)
    tiers = [spelling for tier in TIERS for spelling in (tier, tier.upper())]
    _describe(rule, "level", {"enum": tiers})
    _describe(
        rule, "severity", {"enum": [s for severity in Severity for s in (severity.value, severity.value.upper())]}
    )
    for name in ("channels", "recipients"):
        _describe(rule, name, NAMES)
    return rule


def _describe(entry: dict[str, Any], name: str, schema: dict[str, Any]) -> None:
    """Put a schema in the place of a field's own, whose description stays."""
    description = entry["properties"][name].get("description")
    entry["properties"][name] = {**schema, **({"description": description} if description else {})}
