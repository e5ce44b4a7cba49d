"""A JSON Schema of the definitions, with the settings of every plugin, for editors that complete and check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from healthmgr.definitions.models import (
    NAME,
    ChannelEntry,
    CheckEntry,
    FileEntry,
    OptionsEntry,
    RecipientEntry,
)
from healthmgr.definitions.models_alerting import (
    BranchEntry,
    InhibitionEntry,
    MaintenanceEntry,
    ReceiverEntry,
    RouteEntry,
)
from healthmgr.domain.check import Severity
from healthmgr.domain.routing_tree import ROOT

DIALECT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {"type": "string", "pattern": r"\$\{"}  # stands for a value of any sort, and is judged once resolved
LENGTH = {
    "type": "string",
    "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|[smhdw])\s*)+$",
    "description": "a length such as 30s, 5m, 1h30m or 250ms",
}
_PLACEHOLDER = {"type": "string", "pattern": r"\{\{"}
_BOUNDS = ("gt", "ge", "lt", "le")
_NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_TEXTS = ("starts_at", "ends_at", "cron", "rrule", "dtstart", "timezone")
_SORTS_OF_WINDOWS = (("starts_at", "ends_at"), ("cron", "duration"), ("rrule", "dtstart", "duration"), ("during",))
_RANGES = {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}}
_CLOCK = {"type": "string", "pattern": r"^\d\d:\d\d$"}
_INTERVAL: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "minProperties": 1,
    "properties": {
        "times": {
            "type": "array",
            "minItems": 1,
            "description": "of the day, the end not included: {start_time: '09:00', end_time: '17:00'}",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"start_time": _CLOCK, "end_time": _CLOCK},
                "required": ["start_time", "end_time"],
            },
        },
        "weekdays": {**_RANGES, "description": "as 'monday:friday'"},
        "days_of_month": {**_RANGES, "description": "as '1:7', or from the month's end '-3:-1'"},
        "months": {**_RANGES, "description": "as 'december' or '6:8'"},
        "years": {**_RANGES, "description": "as '2026:2027'"},
        "location": {"type": "string", "description": "the time zone, as Europe/Berlin; UTC where it is not said"},
    },
}
_LISTED_INTERVALS: dict[str, Any] = {"anyOf": [_INTERVAL, {"type": "array", "minItems": 1, "items": _INTERVAL}]}
# What is a list of texts, or one text.
_LISTS = {"to", "via", "matchers", "group_by", "mute_during", "active_during", "source", "target", "equal"}
_MAKING: Mapping[str, Any] = {
    "template": {"type": "string", "description": "the template that says the rest"},
    "with": {"type": "object", "description": "values for the placeholders {{ ... }} of the template"},
    "for_each": {"type": "array", "minItems": 1, "description": "targets: a check is made for each"},
}

Models = Mapping[str, type[BaseModel]]


class _Generator(GenerateJsonSchema):
    """Writes lengths as people write them, whatever the model takes beside that."""

    def timedelta_schema(self, schema: Any) -> Any:  # noqa: ARG002 - pydantic's signature
        """The schema of a length."""
        return dict(LENGTH)


def definitions_schema(check_types: Models, channels: Models) -> dict[str, Any]:
    """The schema. `check_types` and `channels` are the plugins' settings by kind."""
    shared: dict[str, Any] = {}
    whole = _object(FileEntry, shared)
    sections = whole["properties"]
    sections["include"] = {**_NAMES, "description": "files to read as well, relative to this one: conf.d/*.yaml"}
    sections["use"] = {"type": "object", "description": "sets of checks that healthmgr brings along, such as twikit"}
    sections["defaults"] = _object(OptionsEntry, shared)
    check = _check(check_types, shared)
    template = {**check, "required": []}
    sections["templates"] = {"type": "object", "additionalProperties": _with_placeholders(template)}
    sections["channels"] = _named(_by_kind(_object(ChannelEntry, shared), channels, shared))
    sections["recipients"] = _named(_object(RecipientEntry, shared))
    sections["receivers"] = _named(_object(ReceiverEntry, shared))
    sections["time_windows"] = _named(_LISTED_INTERVALS)
    sections["routing"] = _routing(shared)
    sections["maintenance"] = _named(_maintenance(shared))
    sections["inhibitions"] = _named(_object(InhibitionEntry, shared))
    sections["checks"] = {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {f"^{NAME.pattern}$": check, r"\{\{": _with_placeholders({**check, "required": []})},
    }
    limit = {"type": ["string", "number"], "description": 'a limit such as "> 5s", "< 60" or "80%"'}
    for level in shared["ThresholdsEntry"]["properties"].values():
        level["additionalProperties"] = limit
    return {**whole, "$schema": DIALECT, "title": "healthmgr definitions", "$defs": shared}


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
    route = _object(model, shared)
    route["properties"]["routes"] = {**branches, "description": route["properties"]["routes"]["description"]}
    inherited = {"properties": {"to": False, "via": False}}
    route["anyOf"] = [{"required": ["to", "via"]}, inherited]
    return route


def _maintenance(shared: dict[str, Any]) -> dict[str, Any]:
    window = _object(MaintenanceEntry, shared)
    for name in _TEXTS:
        window["properties"][name] = {"type": "string", "description": window["properties"][name]["description"]}
    window["properties"]["duration"] = {**LENGTH, "description": window["properties"]["duration"]["description"]}
    window["properties"]["during"] = {**_LISTED_INTERVALS, "description": window["properties"]["during"]["description"]}
    window["anyOf"] = [{"required": list(fields)} for fields in _SORTS_OF_WINDOWS]
    return window


def _check(check_types: Models, shared: dict[str, Any]) -> dict[str, Any]:
    check = _object(CheckEntry, shared)
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


def _by_kind(entry: dict[str, Any], models: Models, shared: dict[str, Any]) -> dict[str, Any]:
    """The entry, with the settings of each kind where that kind is chosen."""
    entry["properties"]["kind"] = {"enum": sorted(models), "description": entry["properties"]["kind"]["description"]}
    entry["allOf"] = [
        {
            "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
            "then": {"properties": {"config": _config(model, shared)}},
        }
        for kind, model in sorted(models.items())
    ]
    return entry


def _config(model: type[BaseModel], shared: dict[str, Any]) -> dict[str, Any]:
    """A plugin's settings: any of them may be a reference, and what is unsaid may come from elsewhere."""
    schema = _map_values(_object(model, shared, model.__module__.rsplit(".", 1)[-1]), REFERENCE)
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


def _named(entry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "patternProperties": {f"^{NAME.pattern}$": entry}}


def _object(model: type[BaseModel], shared: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    template = f"#/$defs/{prefix}{'.' if prefix else ''}{{model}}"
    schema = model.model_json_schema(by_alias=True, ref_template=template, schema_generator=_Generator)
    for name, part in schema.pop("$defs", {}).items():
        shared[f"{prefix}.{name}" if prefix else name] = part
    plain: dict[str, Any] = _plain(schema)
    for name in () if prefix else sorted(_LISTS & set(plain["properties"])):
        field = plain["properties"][name]
        plain["properties"][name] = {**_NAMES, "description": field["description"]}
    return plain


def _plain(value: Any) -> Any:
    """Without the bounds of lengths, which JSON Schema cannot say."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in _BOUNDS or isinstance(item, dict)}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def installed_models(kinds: tuple[str, ...], find: Callable[[str], Any]) -> dict[str, type[BaseModel]]:
    """The settings of every kind. Raises PluginError for one that cannot be loaded."""
    return {kind: find(kind).Config for kind in kinds}
