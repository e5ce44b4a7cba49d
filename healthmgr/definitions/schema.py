"""A JSON Schema of the definitions, with the settings of every plugin, for editors that complete and check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from healthmgr.definitions.models import (
    NAME,
    ChannelEntry,
    CheckEntry,
    FileEntry,
    OptionsEntry,
)
from healthmgr.definitions.models_alerting import (
    BranchEntry,
    InhibitionEntry,
    MaintenanceEntry,
    ReceiverEntry,
    RouteEntry,
)
from healthmgr.definitions.models_runbooks import StepEntry
from healthmgr.definitions.reading_slos import SloEntry
from healthmgr.definitions.reading_status_page import status_page_schema
from healthmgr.definitions.schema_oncall import oncall_sections
from healthmgr.definitions.schema_parts import LENGTH, LISTED_INTERVALS, NAMES, named, object_of
from healthmgr.definitions.schema_runbooks import runbook_schema, step_schema
from healthmgr.domain.check import Severity
from healthmgr.domain.routing_tree import ROOT

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {"type": "string", "pattern": r"\$\{"}  # stands for a value of any sort, and is judged once resolved
_PLACEHOLDER = {"type": "string", "pattern": r"\{\{"}
_FILLED_LATER = {"type": "string", "pattern": r"\$\{|\{\{"}  # either
_TEXTS = ("starts_at", "ends_at", "cron", "rrule", "dtstart", "timezone")
_SORTS_OF_WINDOWS = (("starts_at", "ends_at"), ("cron", "duration"), ("rrule", "dtstart", "duration"), ("during",))
_MAKING: Mapping[str, Any] = {
    "template": {"type": "string", "description": "the template that says the rest"},
    "with": {"type": "object", "description": "values for the placeholders {{ ... }} of the template"},
    "for_each": {"type": "array", "minItems": 1, "description": "targets: a check is made for each"},
}

Models = Mapping[str, type[BaseModel]]


def definitions_schema(check_types: Models, channels: Models, steps: Models) -> dict[str, Any]:
    """The schema. `check_types`, `channels` and `steps` are the plugins' settings by kind."""
    shared: dict[str, Any] = {}
    whole = object_of(FileEntry, shared)
    sections = whole["properties"]
    sections["include"] = {**NAMES, "description": "files to read as well, relative to this one: conf.d/*.yaml"}
    sections["use"] = {"type": "object", "description": "sets of checks that healthmgr brings along, such as twikit"}
    sections["defaults"] = _with_switch(object_of(OptionsEntry, shared), shared)
    check = _check(check_types, shared)
    template = {**check, "required": []}
    sections["templates"] = {"type": "object", "additionalProperties": _with_placeholders(template)}
    sections["channels"] = named(_by_kind(object_of(ChannelEntry, shared), channels, shared))
    sections.update(oncall_sections(shared))
    sections["receivers"] = named(object_of(ReceiverEntry, shared))
    sections["time_windows"] = named(LISTED_INTERVALS)
    sections["routing"] = _routing(shared)
    sections["maintenance"] = named(_maintenance(shared))
    sections["inhibitions"] = named(object_of(InhibitionEntry, shared))
    step = _by_kind(object_of(StepEntry, shared), steps, shared, _FILLED_LATER)
    shared["Step"] = step_schema(step, steps)
    sections["runbooks"] = named(runbook_schema(shared))
    sections["slos"] = named(_slo(shared))
    sections["status_page"] = status_page_schema(shared)
    sections["checks"] = {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {f"^{NAME.pattern}$": check, r"\{\{": _with_placeholders({**check, "required": []})},
    }
    limit = {"type": ["string", "number"], "description": 'a limit such as "> 5s", "< 60" or "80%"'}
    for level in shared["ThresholdsEntry"]["properties"].values():
        level["additionalProperties"] = limit
    return {**whole, "$schema": DIALECT, "title": "healthmgr definitions", "$defs": shared}


def _with_switch(entry: dict[str, Any], shared: dict[str, Any]) -> dict[str, Any]:
    """With `anomaly` as people write it: a switch, names of metrics, or all of it."""
    switch = entry["properties"]["anomaly"]
    shared["AnomalyEntry"]["properties"]["metrics"] = NAMES
    reference = {"$ref": "#/$defs/AnomalyEntry"}
    entry["properties"]["anomaly"] = {
        "anyOf": [{"type": "boolean"}, *NAMES["anyOf"], reference],
        "description": switch["description"],
    }
    return entry


def _slo(shared: dict[str, Any]) -> dict[str, Any]:
    """Of a service or of checks; the share is written in percent."""
    entry = object_of(SloEntry, shared)
    entry["properties"]["objective"] = {"type": "string", "pattern": r"^\d{1,3}(\.\d+)?\s*%$", "examples": ["99.9%"]}
    entry["oneOf"] = [{"required": ["service"]}, {"required": ["checks"]}]
    return entry


def _routing(shared: dict[str, Any]) -> dict[str, Any]:
    """The catch-all, the severities' short forms, and routes in lists, which hold lists of routes."""
    branches = {"type": "array", "items": {"$ref": "#/$defs/Route"}}
    shared["Route"] = _route(BranchEntry, shared, branches)
    short = _route(RouteEntry, shared, branches)
    root = _route(RouteEntry, shared, {"maxItems": 0})
    root["anyOf"] = [{"required": ["to", "via"]}, {"required": ["receiver"]}]
    severities = dict.fromkeys((severity.value for severity in Severity), short)
    properties = {**severities, ROOT: root, "routes": branches}
    return {"type": "object", "additionalProperties": False, "properties": properties}


def _route(model: type[RouteEntry], shared: dict[str, Any], branches: dict[str, Any]) -> dict[str, Any]:
    route = object_of(model, shared)
    route["properties"]["routes"] = {**branches, "description": route["properties"]["routes"]["description"]}
    inherited = {"properties": {"to": False, "via": False}}
    route["anyOf"] = [{"required": ["to", "via"]}, inherited]
    return route


def _maintenance(shared: dict[str, Any]) -> dict[str, Any]:
    window = object_of(MaintenanceEntry, shared)
    for name in _TEXTS:
        window["properties"][name] = {"type": "string", "description": window["properties"][name]["description"]}
    window["properties"]["duration"] = {**LENGTH, "description": window["properties"]["duration"]["description"]}
    window["properties"]["during"] = {**LISTED_INTERVALS, "description": window["properties"]["during"]["description"]}
    window["anyOf"] = [{"required": list(fields)} for fields in _SORTS_OF_WINDOWS]
    return window


def _check(check_types: Models, shared: dict[str, Any]) -> dict[str, Any]:
    check = _with_switch(object_of(CheckEntry, shared), shared)
    properties = check["properties"]
    parents = properties["depends_on"]
    one = {"anyOf": [{"type": "string"}, {"$ref": "#/$defs/DependencyEntry"}]}
    parents.update(anyOf=[one, {"type": "array", "items": one}])
    for name in ("type", "items"):
        parents.pop(name, None)
    properties.update(_MAKING)
    check["required"] = []
    check["anyOf"] = [{"required": ["kind"]}, {"required": ["template"]}, {"required": ["enabled"]}]
    return _by_kind(check, check_types, shared)


def _by_kind(
    entry: dict[str, Any], models: Models, shared: dict[str, Any], or_else: Mapping[str, Any] = REFERENCE
) -> dict[str, Any]:
    """The entry, with the settings of each kind where that kind is chosen."""
    entry["properties"]["kind"] = {"enum": sorted(models), "description": entry["properties"]["kind"]["description"]}
    entry["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"properties": {"config": _config(model, shared, or_else)}},
        }
        for kind, model in sorted(models.items())
    ]
    return entry


def _config(model: type[BaseModel], shared: dict[str, Any], or_else: Mapping[str, Any]) -> dict[str, Any]:
    """A plugin's settings: any of them may be a reference, and what is unsaid may come from elsewhere."""
    schema = _map_values(object_of(model, shared, model.__module__.rsplit(".", 1)[-1]), or_else)
    schema.pop("required", None)
    return schema


def _with_placeholders(entry: dict[str, Any]) -> dict[str, Any]:
    loose = _map_values(entry, _PLACEHOLDER)
    loose.pop("allOf", None)
    loose.pop("anyOf", None)
    return loose


def _map_values(schema: dict[str, Any], or_else: Mapping[str, Any]) -> dict[str, Any]:
    def loosen(value: dict[str, Any]) -> dict[str, Any]:
        kept: dict[str, Any] = {key: value[key] for key in ("description", "default", "title") if key in value}
        single = [value["items"]] if isinstance(value.get("items"), dict) else []  # a list of one may be left open
        return {**kept, "anyOf": [value, *single, dict(or_else)]}

    return {**schema, "properties": {name: loosen(value) for name, value in schema.get("properties", {}).items()}}


def installed_models(kinds: tuple[str, ...], find: Callable[[str], Any]) -> dict[str, type[BaseModel]]:
    """The settings of every kind. Raises PluginError for one that cannot be loaded."""
    return {kind: find(kind).Config for kind in kinds}
