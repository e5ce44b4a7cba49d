"""Examples for the OpenAPI document: made of each schema, of the fields' own examples, and of one table of values.

So every body has one, and none can drift away from what it shows: a test holds each against its schema.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from healthmgr.api.example_values import BY_FORMAT, BY_MEDIA_TYPE, BY_NAME

Schema = Mapping[str, Any]
_JSON = "application/json"
_DEEPEST = 12  # schemas within schemas; what is made of itself, such as a route's routes, ends before
_UNSAID = object()


def with_examples(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with an example at every request body and every successful answer that has none."""
    maker = _Maker(document.get("components", {}).get("schemas", {}))
    for operation in _operations(document):
        for media_type, content, is_asked in _contents(operation):
            if "example" in content or "examples" in content:
                continue
            if media_type in BY_MEDIA_TYPE:
                content["example"] = BY_MEDIA_TYPE[media_type]
            elif media_type == _JSON:
                content["example"] = maker.make(content.get("schema", {}), is_asked=is_asked)
    return document


def _operations(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()


def _contents(operation: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """The media types of what is sent and of what is answered well, and whether it is sent."""
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield media_type, content, True
    for status, answer in operation["responses"].items():
        if status.startswith("2"):
            for media_type, content in answer.get("content", {}).items():
                yield media_type, content, False


class _Maker:
    """Makes a value of a schema. Of what is sent, only what is needed or has an example of its own."""

    def __init__(self, schemas: Mapping[str, Schema]) -> None:
        self._schemas = schemas

    def make(self, schema: Schema, *, is_asked: bool) -> Any:
        """An example of the whole schema."""
        return self._made(schema, ("", ""), is_asked, 0)

    def _made(self, schema: Schema, names: tuple[str, str], is_asked: bool, depth: int) -> Any:
        """`names` are that of the object around it and that of the field."""
        named = schema.get("$ref", "").rpartition("/")[2]
        if named:
            names, schema = (named, names[1]), self._schemas[named]
        for told in (self._told(schema), _in_table(schema, names)):
            if told is not _UNSAID:
                return told
        choices = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if choices:
            return self._made(next(c for c in choices if c.get("type") != "null"), names, is_asked, depth)
        if schema.get("type") == "array":
            return self._list(schema, names, is_asked, depth)
        if "properties" in schema:
            return self._object(schema, names[0], is_asked, depth)
        if schema.get("type") == "object":
            values = schema.get("additionalProperties")
            return {"shop": self._made(values, names, is_asked, depth + 1)} if isinstance(values, Mapping) else {}
        return _plain(schema)

    def _told(self, schema: Schema) -> Any:
        if "const" in schema:
            return schema["const"]
        return schema["examples"][0] if schema.get("examples") else _UNSAID

    def _list(self, schema: Schema, names: tuple[str, str], is_asked: bool, depth: int) -> list[Any]:
        if "prefixItems" in schema:
            return [self._made(item, names, is_asked, depth + 1) for item in schema["prefixItems"]]
        if depth >= _DEEPEST:
            return []
        return [self._made(schema.get("items", {}), names, is_asked, depth + 1)]

    def _object(self, schema: Schema, name: str, is_asked: bool, depth: int) -> dict[str, Any]:
        needed, fields = schema.get("required", ()), schema["properties"]
        chosen = [field for field, inner in fields.items() if field in needed or not is_asked or "examples" in inner]
        return {
            field: self._made(fields[field], (name or schema.get("title", ""), field), is_asked, depth + 1)
            for field in chosen or list(fields)[:1]  # of what may all be left out, one
        }


def _in_table(schema: Schema, names: tuple[str, str]) -> Any:
    """What the table has for the field of this object, or for a field of this name, where it fits."""
    known = (value for name in (".".join(names), names[1]) for value in BY_NAME.get(name, ()))
    return next((value for value in known if _fits(value, schema)), _UNSAID)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "array": (list,),
    "object": (dict,), "null": (type(None),),
}  # fmt: skip


def _fits(value: Any, schema: Schema) -> bool:
    """Whether a value is of a schema's type, within its limits, and one of those that it lists."""
    if "$ref" in schema:
        return False
    if "enum" in schema:
        return value in schema["enum"]
    if "anyOf" in schema:
        return any(_fits(value, choice) for choice in schema["anyOf"])
    if "type" not in schema:
        return True
    if not isinstance(value, _TYPES[schema["type"]]) or isinstance(value, bool) is not (schema["type"] == "boolean"):
        return False
    if isinstance(value, list):
        kinds = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
        return len(kinds) == len(value) and all(_fits(each, kind) for each, kind in zip(value, kinds, strict=True))
    if isinstance(value, dict) and isinstance(inner := schema.get("additionalProperties"), Mapping):
        return all(_fits(each, inner) for each in value.values())
    return "properties" not in schema


def _plain(schema: Schema) -> Any:
    """A value that no name says anything of."""
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "string":
            return BY_FORMAT.get(schema.get("format", ""), "")
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return True
    return None
