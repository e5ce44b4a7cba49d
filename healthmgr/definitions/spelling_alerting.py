"""Other spellings in the sections beside checks: camelCase, Alertmanager's names, milliseconds."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pydantic.alias_generators import to_camel

from healthmgr.definitions import spelling_oncall, spelling_runbooks
from healthmgr.definitions.composing import Location, Node, attach
from healthmgr.definitions.models_alerting import BranchEntry, InhibitionEntry, MaintenanceEntry, ReceiverEntry
from healthmgr.definitions.spelling import Say, in_milliseconds
from healthmgr.definitions.spelling_oncall import ONCALL, respell_people
from healthmgr.definitions.spelling_runbooks import RUNBOOKS, respell_runbooks

SECTION_NAMES: Mapping[str, str] = {
    **spelling_oncall.SECTION_NAMES,
    **spelling_runbooks.SECTION_NAMES,
    "time_intervals": "time_windows",
    "timeIntervals": "time_windows",
    "timeWindows": "time_windows",
    "maintenance_windows": "maintenance",
    "maintenanceWindows": "maintenance",
}
LENGTHS = frozenset({"group_wait", "group_interval", "repeat_interval", "duration"})

_INTERVAL = {"daysOfMonth": "days_of_month"}
_TIME = {"startTime": "start_time", "endTime": "end_time"}
_FIELDS: Mapping[str, Mapping[str, str]] = {
    "routing": {
        **{to_camel(name): name for name in BranchEntry.model_fields if "_" in name},
        "mute_time_intervals": "mute_during",
        "muteTimeIntervals": "mute_during",
        "active_time_intervals": "active_during",
        "activeTimeIntervals": "active_during",
    },
    "receivers": {to_camel(name): name for name in ReceiverEntry.model_fields if "_" in name},
    "maintenance": {
        **{to_camel(name): name for name in MaintenanceEntry.model_fields if "_" in name},
        "time_zone": "timezone",
        "timeZone": "timezone",
        "time_intervals": "during",
        "timeIntervals": "during",
    },
    "inhibitions": {
        **{f"{name}_matchers": name for name in InhibitionEntry.model_fields if name != "equal"},
        **{f"{name}Matchers": name for name in InhibitionEntry.model_fields if name != "equal"},
    },
}

Respell = Callable[[Node, Location], Node]


def own_name(section: str, key: str) -> str:
    """The name that we use for a field of an entry of this section."""
    return _FIELDS.get(section, {}).get(key, key)


def respell_section(section: str, node: Node, say: Say) -> Node:
    """A section in our own spelling; the same node where it has no other, or is no mapping."""
    if section in ONCALL:
        return respell_people(section, node, say)
    if section == RUNBOOKS:
        return respell_runbooks(node, say)
    if not isinstance(node.data, dict) or section not in (*_FIELDS, "time_windows"):
        return node
    spelled = Node({}, node.line, node.file)
    for key, child in node.children.items():
        place = (section, key)
        if section == "time_windows":
            entry = _intervals(child, place, say)
        elif section == "routing" and key == "routes":
            entry = _each(child, place, lambda route, where: _entry("routing", route, where, say))
        else:
            entry = _entry(section, child, place, say)
        attach(spelled, key, node.keys[key], entry)
    return spelled


def _entry(section: str, node: Node, place: Location, say: Say) -> Node:
    def value(name: str, child: Node, where: Location) -> Node:
        if name in LENGTHS:
            return in_milliseconds(child)
        if name == "routes":
            return _each(child, where, lambda route, inner: _entry(section, route, inner, say))
        return _intervals(child, where, say) if name == "during" else child

    return _renamed(node, _FIELDS[section], place, say, value)


def _intervals(node: Node, place: Location, say: Say) -> Node:
    def value(name: str, child: Node, where: Location) -> Node:
        if name != "times":
            return child
        return _each(child, where, lambda time, inner: _renamed(time, _TIME, inner, say))

    return _each(node, place, lambda interval, where: _renamed(interval, _INTERVAL, where, say, value))


def _each(node: Node, place: Location, respell: Respell) -> Node:
    if not isinstance(node.data, list):
        return respell(node, place) if isinstance(node.data, dict) else node
    spelled = Node([], node.line, node.file)
    for index, child in node.children.items():
        attach(spelled, index, node.keys[index], respell(child, (*place, index)))
    return spelled


def _renamed(
    node: Node,
    names: Mapping[str, str],
    place: Location,
    say: Say,
    value: Callable[[str, Node, Location], Node] | None = None,
) -> Node:
    if not isinstance(node.data, dict):
        return node
    spelled = Node({}, node.line, node.file)
    for key, child in node.children.items():
        name = names.get(str(key), str(key))
        if name != key and (name in node.children or name in spelled.children):
            say(f"says the same as {name}: keep one of them", (*place, key))
        else:
            attach(spelled, name, node.keys[key], value(name, child, (*place, key)) if value is not None else child)
    return spelled
