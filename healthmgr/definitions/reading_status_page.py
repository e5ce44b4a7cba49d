"""The status page for everybody: how it is written, read and judged."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import StatusPageDefinition
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.known import Known
from healthmgr.definitions.models import Entry, Line, Names
from healthmgr.definitions.models_alerting import MatcherTexts
from healthmgr.definitions.schema_parts import object_of
from healthmgr.domain.matcher import parse_matchers
from healthmgr.domain.status_page import STATUS_PAGE, Component, Group, StatusPage

SECTION = "status_page"
PLACE: Location = (SECTION,)
MOST_GROUPS = 100


def _components(value: Any) -> Any:
    items = [value] if isinstance(value, str | dict) else value
    if not isinstance(items, list):
        return items
    return [{"check": item} if isinstance(item, str) else item for item in items]


class ComponentEntry(Entry):
    """A check on the page. Without a name of its own it counts for its group, and is not shown."""

    check: Line = Field(description="the check, by its slug")
    name: Line = Field("", description="what everybody is told that it is")


class GroupEntry(Entry):
    """A group of the page: what people see under one name."""

    name: Line = Field(min_length=1, description="what everybody is told that it is")
    description: Line = ""
    checks: Annotated[list[ComponentEntry], BeforeValidator(_components)] = Field(
        default_factory=list, description="checks by their slugs, or as {check: shop-api, name: Ordering}"
    )
    services: Names = Field(default_factory=list, description="all checks of these services")
    match: MatcherTexts = Field(default_factory=list, description="all checks whose labels fit all of these")


class ShowEntry(Entry):
    """What the page shows besides how everything is now."""

    history: bool = Field(True, description="the bars of 90 days")
    uptime: bool = Field(True, description="the uptime in percent")


class StatusPageEntry(Entry):
    """status_page: what everybody may read at /status, without signing in."""

    title: Line = Field(min_length=1)
    description: Line = ""
    groups: list[GroupEntry] = Field(min_length=1, max_length=MOST_GROUPS)
    show: ShowEntry = Field(default_factory=ShowEntry)


def read_status_page(draft: Draft) -> None:
    """Read it into the draft; what is wrong is said there."""
    entry = draft.document.at(PLACE)
    if not isinstance(entry, dict):
        return
    draft.declared[SECTION].add(STATUS_PAGE)
    found, _ = draft.judge(StatusPageEntry, entry, PLACE)
    if found is None:
        return
    groups = []
    slugs: set[str] = set()
    for index, one in enumerate(found.groups):
        group = Group(
            name=one.name,
            checks=tuple(Component(part.check, part.name) for part in one.checks),
            services=tuple(one.services),
            matchers=tuple(matcher for text in one.match for matcher in parse_matchers(text)),
            description=one.description,
        )
        if not (group.checks or group.services or group.matchers):
            draft.say("is empty: name checks, services or match", *PLACE, "groups", index)
        if group.slug in slugs:
            draft.say("is the name of another group as well, in its address: choose another", *PLACE, "groups", index)
        slugs.add(group.slug)
        groups.append(group)
    page = StatusPage(found.title, tuple(groups), found.description, found.show.history, found.show.uptime)
    draft.status_pages[STATUS_PAGE] = StatusPageDefinition(page)


def judge_status_page(known: Known) -> None:
    """Whether there is what it is about."""
    services = {check.service for check in known.draft.checks.values()}
    services |= {item.definition.service for item in known.stored("checks").values()}
    for definition in known.draft.status_pages.values():
        for index, group in enumerate(definition.page.groups):
            for position, one in enumerate(group.checks):
                known.judge_name(one.check, "checks", *PLACE, "groups", index, "checks", position)
            for service in set(group.services) - services:
                advice = did_you_mean(service, {name for name in services if name})
                known.warn(f"no check is of service {shown(service)}{advice}", *PLACE, "groups", index, "services")


def status_page_schema(shared: dict[str, Any]) -> dict[str, Any]:
    """Its JSON Schema: a check may be written as its slug alone."""
    page = object_of(StatusPageEntry, shared)
    one = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/ComponentEntry"}]}
    checks = shared["GroupEntry"]["properties"]["checks"]
    checks["anyOf"] = [one, {"type": "array", "items": one}]
    for name in ("type", "items"):
        checks.pop(name, None)
    return page
