"""What the parts of the schema are made of: objects of models, lengths, times, names."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from healthmgr.definitions.models import NAME

LENGTH = {
    "type": "string",
    "pattern": r"^\s*(\d+(\.\d+)?\s*(ms|[smhdw])\s*)+$",
    "description": "a length such as 30s, 5m, 1h30m or 250ms",
}
_BOUNDS = ("gt", "ge", "lt", "le")
NAMES = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_RANGES = {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}}
_CLOCK = {"type": "string", "pattern": r"^\d\d:\d\d$"}
INTERVAL: dict[str, Any] = {
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
LISTED_INTERVALS: dict[str, Any] = {"anyOf": [INTERVAL, {"type": "array", "minItems": 1, "items": INTERVAL}]}
# What is a list of texts, or one text.
_LISTS = {
    "to", "via", "matchers", "group_by", "mute_during", "active_during", "source", "target", "equal", "members",
    "during", "services", "match",
}  # fmt: skip


class _Generator(GenerateJsonSchema):
    """Writes lengths as people write them, whatever the model takes beside that."""

    def timedelta_schema(self, schema: Any) -> Any:  # noqa: ARG002 - pydantic's signature
        """The schema of a length."""
        return dict(LENGTH)


def named(entry: dict[str, Any]) -> dict[str, Any]:
    """A mapping of names that people choose, each with such an entry."""
    return {"type": "object", "additionalProperties": False, "patternProperties": {f"^{NAME.pattern}$": entry}}


def object_of(model: type[BaseModel], shared: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """The schema of a model; what it refers to is put beside it, into `shared`."""
    template = f"#/$defs/{prefix}{'.' if prefix else ''}{{model}}"
    schema = model.model_json_schema(by_alias=True, ref_template=template, schema_generator=_Generator)
    for name, part in schema.pop("$defs", {}).items():
        shared[f"{prefix}.{name}" if prefix else name] = _plain(part)
    plain: dict[str, Any] = _plain(schema)
    for name in () if prefix else sorted(_LISTS & set(plain["properties"])):
        field = plain["properties"][name]
        plain["properties"][name] = {**NAMES, "description": field["description"]}
    return plain


def _plain(value: Any) -> Any:
    """Without the bounds of lengths, which JSON Schema cannot say."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in _BOUNDS or isinstance(item, dict)}
    return [_plain(item) for item in value] if isinstance(value, list) else value
