"""What pydantic found wrong, said in plain words beside what was written, without revealing a secret."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from healthmgr.definitions.composing import Location
from healthmgr.telemetry import mask

_SECRET = re.compile(r"pass|secret|token|key|credential|auth|cookie", re.IGNORECASE)
_NUMBERS = {"int_type", "int_parsing", "int_from_float", "float_type", "float_parsing"}
_MOST_COMPARED = 500
_MOST_LISTED = 25
_COMPARED = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_EXPECTED = {
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "string_type": "text",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping (name: value)",
    "model_type": "a mapping (name: value)",
    "none_required": "nothing",
}


def did_you_mean(word: str, known: Collection[str]) -> str:
    """The nearest of the known words as a question, or the few there are; nothing where it would take long."""
    if len(known) > _MOST_COMPARED:
        return ""
    near = difflib.get_close_matches(word.lower(), sorted(known), n=1, cutoff=0.6)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there is {', '.join(sorted(known))}" if 0 < len(known) <= _MOST_LISTED else ""


def may_be_secret(name: str) -> bool:
    """Whether a field of this name may hold a secret."""
    return _SECRET.search(name) is not None


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation holds, if it holds one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := model_in(part))), None)


def shown(value: Any, name: str = "") -> str:
    """A value as it can be printed: short, and nothing of what may be a secret."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if may_be_secret(name) and "${" not in str(value):
        return "a value that is not shown"
    text = mask(str(value))
    text = text if len(text) <= 60 else text[:57] + "..."
    return repr(text) if isinstance(value, str) else text


def explain(error: ValidationError, model: type[BaseModel], written: Any) -> Iterator[tuple[Location, str]]:
    """Every fault as (its place within the value, what is wrong), one for each place.

    `written` is the value before references were resolved: it alone is quoted.
    """
    seen: set[Location] = set()
    for fault in error.errors(include_url=False, include_input=False):
        place = _place(fault["loc"], written, fault["type"] in ("missing", "extra_forbidden"))
        if place not in seen:
            seen.add(place)
            yield place, _phrase(fault, place, model, written)


def _place(loc: Sequence[int | str], written: Any, is_about_name: bool) -> Location:
    """The location without what pydantic adds to it (the arm of a union, "[key]", a validator's name)."""
    place: list[int | str] = []
    value = written
    for position, part in enumerate(loc):
        is_there = part in value if isinstance(value, Mapping) else _has(value, part)
        if not is_there and not (is_about_name and position == len(loc) - 1):
            continue
        place.append(part)
        value = value[part] if is_there else None
    return tuple(place)


def _has(value: Any, part: int | str) -> bool:
    return isinstance(value, list) and isinstance(part, int) and part < len(value)


def _phrase(fault: Any, place: Location, model: type[BaseModel], written: Any) -> str:
    kind, context = fault["type"], fault.get("ctx", {})
    found = "found " + shown(_value_at(written, place), str(place[-1]) if place else "")
    if kind == "missing":
        return "is required"
    if kind == "extra_forbidden":
        return f"is not a field here{did_you_mean(str(place[-1]), _fields(_model_at(model, place[:-1])))}"
    if kind == "value_error":
        return str(context.get("error", fault["msg"]))
    if kind in ("enum", "literal_error"):
        return _phrase_choice(str(context.get("expected", "")), _value_at(written, place), found)
    if kind in _COMPARED:
        key, words = _COMPARED[kind]
        return f"must be {words} {context[key]}, {found}"
    if kind in _NUMBERS:
        return f"expected a {'whole ' if kind.startswith('int') else ''}number, {found}"
    if kind in _EXPECTED:
        hint = (
            " (write it in quotes)"
            if kind == "string_type" and isinstance(_value_at(written, place), int | float)
            else ""
        )
        return f"expected {_EXPECTED[kind]}, {found}{hint}"
    message = str(fault["msg"])
    return f"{message[:1].lower()}{message[1:]}, {found}"


def _phrase_choice(expected: str, value: Any, found: str) -> str:
    choices = re.findall(r"'([^']*)'", expected)
    near = difflib.get_close_matches(str(value).lower(), choices, n=1, cutoff=0.6) if choices else []
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"expected {expected.replace(chr(39), '')}, {found}{hint}"


def _value_at(value: Any, place: Location) -> Any:
    for part in place:
        value = value.get(part) if isinstance(value, Mapping) else value[int(part)] if _has(value, part) else None
    return value


def _model_at(model: type[BaseModel] | None, place: Location) -> type[BaseModel] | None:
    for part in place:
        if isinstance(part, int) or model is None:
            continue
        names = {field.alias or name: field for name, field in model.model_fields.items()}
        model = model_in(names[part].annotation) if part in names else None
    return model


def _fields(model: type[BaseModel] | None) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()] if model else []
