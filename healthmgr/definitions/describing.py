"""What a definition says, as names and values that can be compared and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from healthmgr.definitions.definition import (
    InhibitionDefinition,
    MaintenanceDefinition,
    PolicyDefinition,
    RecipientDefinition,
    RouteDefinition,
    RunbookDefinition,
    ScheduleDefinition,
    SloDefinition,
    StatusPageDefinition,
    TimeWindowDefinition,
)
from healthmgr.domain.escalation import Conditions, Level
from healthmgr.domain.person import Contact, quiet_to_document
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.routing_tree import Route
from healthmgr.domain.runbook_words import runbook_facts
from healthmgr.domain.status_page import StatusPage


def facts_of(definition: Any) -> Mapping[str, Any]:
    """The fields of a definition, with what is made of parts taken apart in the words of the file."""
    if isinstance(definition, RouteDefinition):
        return {**route_facts(definition.route), "position": definition.position}
    if isinstance(definition, PolicyDefinition):
        policy = definition.policy
        levels = {f"levels[{index}]": _level_facts(level) for index, level in enumerate(policy.levels)}
        return {**levels, "repeat": policy.repeat, "begins_after": policy.begins_after}
    if isinstance(definition, RunbookDefinition | SloDefinition | StatusPageDefinition):
        return _facts_of_the_one_part(definition)
    facts = {field.name: getattr(definition, field.name) for field in fields(definition)}
    if isinstance(definition, RecipientDefinition):
        plan, quiet = facts.pop("contact_plan"), tuple(quiet_to_document(facts.pop("quiet")))
        contacts = {"contacts": tuple(_contact(each) for each in plan)} if plan else {}
        return {**facts, **contacts, "quiet_hours": quiet}
    if isinstance(definition, ScheduleDefinition):
        layers = {f"layers[{index}]": layer.to_document() for index, layer in enumerate(facts.pop("layers"))}
        return {**facts, **layers}
    if isinstance(definition, TimeWindowDefinition):
        return {"intervals": tuple(interval.to_document() for interval in definition.intervals)}
    if isinstance(definition, MaintenanceDefinition):
        when = facts.pop("window").to_document()
        return {**facts, "matchers": _texts(definition.matchers), **when}
    if isinstance(definition, InhibitionDefinition):
        source, target = _texts(definition.source_matchers), _texts(definition.target_matchers)
        return {"source": source, "target": target, "equal": definition.equal}
    return facts


def _facts_of_the_one_part(definition: RunbookDefinition | SloDefinition | StatusPageDefinition) -> Mapping[str, Any]:
    if isinstance(definition, RunbookDefinition):
        return runbook_facts(definition.runbook)
    if isinstance(definition, SloDefinition):
        return {**definition.slo.to_document(), "window": definition.slo.window}
    return status_page_facts(definition.page)


def route_facts(route: Route) -> dict[str, Any]:
    """What a route says itself, and under `routes` by name what those below it say."""
    options = route.options
    facts = {
        "matchers": _texts(route.matchers),
        "receiver": route.receiver or None,
        "to": route.to,
        "via": route.via,
        "escalation": route.escalation or None,
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


def status_page_facts(page: StatusPage) -> dict[str, Any]:
    """What a status page says, each group by its name."""
    groups = {
        f"groups.{group.name}": {
            "description": group.description,
            "checks": {one.check: one.name for one in group.checks},
            "services": group.services,
            "match": _texts(group.matchers),
        }
        for group in page.groups
    }
    shown = {"history": page.shows_history, "uptime": page.shows_uptime}
    return {"title": page.title, "description": page.description, "show": shown, **groups}


def _level_facts(level: Level) -> dict[str, Any]:
    conditions = level.when
    return {
        "name": level.name,
        "to": tuple(str(named) for named in level.targets),
        "after": level.delay,
        "via": level.channels,
        "when": _condition_facts(conditions),
    }


def _condition_facts(conditions: Conditions) -> dict[str, Any]:
    return {
        "severity": conditions.severities,
        "during": conditions.during,
        "at_least": conditions.at_least_alerts or None,
    }


def _contact(contact: Contact) -> str:
    after = f" after {format_duration(contact.after)}" if contact.after else ""
    return f"{contact.channel} {contact.address}".strip() + after


def _texts(matchers: Any) -> tuple[str, ...]:
    return tuple(str(matcher) for matcher in matchers)
