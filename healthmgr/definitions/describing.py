"""What a definition says, as names and values that can be compared and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from healthmgr.definitions.definition import (
    InhibitionDefinition,
    MaintenanceDefinition,
    RouteDefinition,
    TimeWindowDefinition,
)
from healthmgr.domain.routing_tree import Route


def facts_of(definition: Any) -> Mapping[str, Any]:
    """The fields of a definition, with what is made of parts taken apart in the words of the file."""
    if isinstance(definition, RouteDefinition):
        return {**route_facts(definition.route), "position": definition.position}
    facts = {field.name: getattr(definition, field.name) for field in fields(definition)}
    if isinstance(definition, TimeWindowDefinition):
        return {"intervals": tuple(interval.to_document() for interval in definition.intervals)}
    if isinstance(definition, MaintenanceDefinition):
        when = facts.pop("window").to_document()
        return {**facts, "matchers": _texts(definition.matchers), **when}
    if isinstance(definition, InhibitionDefinition):
        source, target = _texts(definition.source_matchers), _texts(definition.target_matchers)
        return {"source": source, "target": target, "equal": definition.equal}
    return facts


def route_facts(route: Route) -> dict[str, Any]:
    """What a route says itself, and under `routes` by name what those below it say."""
    options = route.options
    facts = {
        "matchers": _texts(route.matchers),
        "receiver": route.receiver or None,
        "to": route.to,
        "via": route.via,
        "group_by": options.group_by,
        "group_wait": options.group_wait,
        "group_interval": options.group_interval,
        "repeat_interval": options.repeat_interval,
        "continue": route.continues,
        "mute_during": route.mute_during,
        "active_during": route.active_during,
        "routes": {child.name: route_facts(child) for child in route.routes},
    }
    return {name: value for name, value in facts.items() if value not in (None, (), False, {})}


def _texts(matchers: Any) -> tuple[str, ...]:
    return tuple(str(matcher) for matcher in matchers)
