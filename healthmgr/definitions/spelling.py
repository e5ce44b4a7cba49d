"""Other spellings of a check's fields, brought to our own: camelCase, milliseconds without a unit."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import timedelta

from pydantic.alias_generators import to_camel

from healthmgr.definitions.composing import Location, Node, attach
from healthmgr.definitions.models import CheckEntry
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.threshold import RESPONSE_TIME

Say = Callable[[str, Location], None]

LENGTHS = ("interval", "timeout", "retry_interval")
LEAST_MS = 1000  # fewer may have been meant as seconds: those are refused, with the advice to write a unit

FIELDS: Mapping[str, str] = {
    **{to_camel(name): name for name in CheckEntry.model_fields if "_" in name},
    "dependencies": "depends_on",
    "forEach": "for_each",
}
METRICS: Mapping[str, str] = {
    to_camel(name): name
    for name in (RESPONSE_TIME, "error_rate", "hit_rate", "cpu_usage", "memory_usage", "disk_usage", "connection_usage")
}
ADVICE: Mapping[str, str] = {
    "id": "is not written: the name above the check is its id",
    "checkFunction": "cannot be written here: use `kind: python` with `config: {function: package.module:name}`",
    "check_function": "cannot be written here: use `kind: python` with `config: {function: package.module:name}`",
}


def respell(entry: Node, place: Location, say: Say) -> Node:
    """A check (or template, or defaults) in our own spelling; the same node where nothing had to be changed."""
    if not isinstance(entry.data, dict) or not any(_is_foreign(str(k), c) for k, c in entry.children.items()):
        return entry
    spelled = Node({}, entry.line, entry.file)
    for key, child in entry.children.items():
        name = FIELDS.get(str(key), str(key))
        if key in ADVICE:
            say(ADVICE[str(key)], (*place, key))
        elif name != key and name in entry.children:
            say(f"says the same as {name}: keep one of them", (*place, key))
        elif name not in spelled.children:
            attach(spelled, name, entry.keys[key], _value(name, child, (*place, key), say))
    return spelled


def in_milliseconds(length: Node) -> Node:
    """A length without a unit, which counts milliseconds, with one; any other as it is."""
    if _is_number(length) and length.data >= LEAST_MS:
        return Node(_milliseconds(length.data), length.line, length.file)
    return length


def _is_foreign(key: str, child: Node) -> bool:
    return key in FIELDS or key in ADVICE or key == "thresholds" or (key in LENGTHS and _is_number(child))


def _value(name: str, child: Node, place: Location, say: Say) -> Node:
    if name in LENGTHS:
        return in_milliseconds(child)
    if name == "thresholds" and isinstance(child.data, dict):
        levels = Node({}, child.line, child.file)
        for level, limits in child.children.items():
            attach(levels, level, child.keys[level], _limits(limits, (*place, level), say))
        return levels
    return child


def _limits(limits: Node, place: Location, say: Say) -> Node:
    if not any(key in METRICS for key in limits.children):
        return limits
    spelled = Node({}, limits.line, limits.file)
    for key, child in limits.children.items():
        name = METRICS.get(str(key), str(key))
        if name != key and name in limits.children:
            say(f"says the same as {name}: keep one of them", (*place, key))
            continue
        is_bare = name == RESPONSE_TIME != key and (_is_number(child) or _is_digits(child.data))
        value = Node(_milliseconds(float(child.data)), child.line, child.file) if is_bare else child
        attach(spelled, name, limits.keys[key], value)
    return spelled


def _is_number(node: Node) -> bool:
    return isinstance(node.data, int | float) and not isinstance(node.data, bool)


def _is_digits(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value) is not None


def _milliseconds(amount: float) -> str | float:
    try:
        return format_duration(timedelta(milliseconds=amount))
    except OverflowError:
        return amount  # refused where lengths are judged
