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
    RouteEntry,
)
from healthmgr.domain.check import Severity
from healthmgr.domain.route import DEFAULT

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
    severities = [*(severity.value for severity in Severity), DEFAULT]
    route = _object(RouteEntry, shared)
    route["properties"].update(to=dict(_NAMES), via=dict(_NAMES))
    sections["routing"] = {
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(severities, route),
    }
    sections["checks"] = {
        "type": "object",
        "additionalProperties": False,
        "patternProperties": {f"^{NAME.pattern}$": check, r"\{\{": _with_placeholders({**check, "required": []})},
    }
    limit = {"type": ["string", "number"], "description": 'a limit such as "> 5s", "< 60" or "80%"'}
    for level in shared["ThresholdsEntry"]["properties"].values():
        level["additionalProperties"] = limit
    return {**whole, "$schema": DIALECT, "title": "healthmgr definitions", "$defs": shared}


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
    return plain


def _plain(value: Any) -> Any:
    """Without the bounds of lengths, which JSON Schema cannot say."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in _BOUNDS or isinstance(item, dict)}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def installed_models(kinds: tuple[str, ...], find: Callable[[str], Any]) -> dict[str, type[BaseModel]]:
    """The settings of every kind. Raises PluginError for one that cannot be loaded."""
    return {kind: find(kind).Config for kind in kinds}
