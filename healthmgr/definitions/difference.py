"""What applying definitions would change, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any

from healthmgr.definitions.definition import SECTIONS, Definitions, Snapshot, Stored
from healthmgr.definitions.describing import facts_of
from healthmgr.definitions.faults import shown
from healthmgr.domain.quantity import format_duration
from healthmgr.errors import Problem

CREATED, UPDATED, DISABLED = "created", "updated", "disabled"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field, and its values as text; nothing of what may be a secret."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """A definition ("checks.database") that is created, updated or disabled."""

    sort: str
    name: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """All that applying would change."""

    source: str
    changes: tuple[Change, ...]
    unchanged: int
    warnings: tuple[Problem, ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """How many of each sort."""
        sorts = [change.sort for change in self.changes]
        return {**{sort: sorts.count(sort) for sort in (CREATED, UPDATED, DISABLED)}, "unchanged": self.unchanged}


def is_applied(definition: Any, old: Stored[Any] | None, source: str, section: str) -> bool:
    """Whether what is stored says the same already, and is this source's."""
    if old is None or old.managed_by != source or old.definition != definition:
        return False
    return old.is_enabled or section == "checks"


def is_gone(name: str, old: Stored[Any], source: str, wanted: Mapping[str, Any]) -> bool:
    """Whether what is stored was this source's, and is not defined there any more."""
    return old.managed_by == source and old.is_enabled and name not in wanted


def compare(definitions: Definitions, stored: Snapshot, kept: Mapping[str, Set[str]] | None = None) -> Difference:
    """What applying these definitions to what is stored would change; names that are `kept` are not dropped."""
    changes: list[Change] = []
    unchanged = 0
    for section, attribute in SECTIONS:
        wanted: Mapping[str, Any] = getattr(definitions, attribute)
        there: Mapping[str, Stored[Any]] = getattr(stored, attribute)
        for name, definition in wanted.items():
            old = there.get(name)
            if is_applied(definition, old, definitions.source, section):
                unchanged += 1
            elif old is None:
                changes.append(Change(CREATED, f"{section}.{name}"))
            else:
                changed = tuple(_field_changes(old, definition, definitions.source))
                changes.append(Change(UPDATED, f"{section}.{name}", changed))
        gone = [name for name, old in there.items() if is_gone(name, old, definitions.source, wanted)]
        staying = (kept or {}).get(section, ())
        changes += [Change(DISABLED, f"{section}.{name}") for name in gone if name not in staying]
    return Difference(definitions.source, tuple(changes), unchanged, definitions.warnings)


def _field_changes(old: Stored[Any], new: Any, source: str) -> Iterator[FieldChange]:
    if old.managed_by != source:
        yield FieldChange("managed_by", old.managed_by, source)
    known, wanted = facts_of(old.definition), facts_of(new)
    for name in dict.fromkeys([*known, *wanted]):
        before, after = known.get(name), wanted.get(name)
        if before != after:
            yield from _value_changes(name, before, after)


def _value_changes(name: str, before: Any, after: Any) -> Iterator[FieldChange]:
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for key in dict.fromkeys([*before, *after]):
            if before.get(key) != after.get(key):
                yield from _value_changes(f"{name}.{key}", before.get(key), after.get(key))
        return
    key = name.rsplit(".", 1)[-1]
    yield FieldChange(name, _text(before, key), _text(after, key))


def _text(value: Any, key: str) -> str:
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple):
        return ", ".join(_text(item, key) for item in value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_text(item, str(name))}" for name, item in value.items()) + "}"
    return shown(value, key)
