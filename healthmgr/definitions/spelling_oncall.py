"""Other spellings in the sections about people: camelCase, `delay`, milliseconds."""

from __future__ import annotations

from collections.abc import Mapping

from healthmgr.definitions.composing import Location, Node, attach
from healthmgr.definitions.spelling import Say, in_milliseconds

SECTION_NAMES: Mapping[str, str] = {
    "escalation": "escalation_policies",
    "escalationPolicies": "escalation_policies",
    "escalationRules": "escalation_rules",
}
LENGTHS = frozenset({"after"})
ONCALL = ("people", "recipients", "schedules", "escalation_policies", "escalation_rules")

_ZONE = {"timeZone": "timezone", "time_zone": "timezone"}
_INTERVAL = {"daysOfMonth": "days_of_month", "startTime": "start_time", "endTime": "end_time"}
_PEOPLE = {**_ZONE, **_INTERVAL, "quietHours": "quiet_hours"}
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "people": _PEOPLE,
    "recipients": _PEOPLE,
    "schedules": {**_ZONE, **_INTERVAL},
    "escalation_policies": {"delay": "after", "atLeast": "at_least"},
    "escalation_rules": {"delayMinutes": "delay_minutes"},
}
_FREE = "contacts"  # as a mapping its keys are names of channels


def own_name(section: str, key: str) -> str:
    """The name that we use for a field at any depth of this section's entries."""
    return _FIELDS.get(section, {}).get(key, key)


def is_free(key: str, value: object) -> bool:
    """Whether the keys of this value are names that people choose."""
    return key == _FREE and isinstance(value, dict)


def respell_people(section: str, node: Node, say: Say) -> Node:
    """One of these sections in our own spelling."""
    if not isinstance(node.data, dict | list):
        return node
    spelled = Node({} if isinstance(node.data, dict) else [], node.line, node.file)
    for key, child in node.children.items():
        attach(spelled, key, node.keys[key], _entry(section, child, (section, key), say))
    return spelled


def _entry(section: str, node: Node, place: Location, say: Say) -> Node:
    if isinstance(node.data, list):
        spelled = Node([], node.line, node.file)
        for index, child in node.children.items():
            attach(spelled, index, node.keys[index], _entry(section, child, (*place, index), say))
        return spelled
    if not isinstance(node.data, dict):
        return node
    spelled = Node({}, node.line, node.file)
    for key, child in node.children.items():
        name = own_name(section, str(key))
        if name != key and (name in node.children or name in spelled.children):
            say(f"says the same as {name}: keep one of them", (*place, key))
            continue
        value = child if is_free(name, child.data) else _entry(section, child, (*place, key), say)
        attach(spelled, name, node.keys[key], in_milliseconds(value) if name in LENGTHS else value)
    return spelled
