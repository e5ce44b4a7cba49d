"""Settings as they hold, with where each value came from; secrets are masked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from healthmgr.domain.quantity import format_duration
from healthmgr.settings import Settings
from healthmgr.telemetry import mask

HIDDEN = "(set, not shown)"
DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Effective:
    """A setting as it holds, and where its value came from."""

    name: str
    value: Any
    source: str

    @property
    def text(self) -> str:
        """The value as people read it."""
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)


def effective(chosen: Settings) -> Iterator[Effective]:
    """Every setting: the variables, and then the keys that have none."""
    origins = chosen.origins
    for name, field in Settings.model_fields.items():
        variable = str(field.alias)
        if name != "advanced":
            yield Effective(variable, _shown(getattr(chosen, name), field.repr), origins.get(variable, DEFAULT))
    yield Effective("HEALTHMGR_SETTINGS", chosen.settings_file, "environment" if chosen.settings_file else DEFAULT)
    for path, value in _keys(chosen.advanced, ()):
        name = ".".join(to_camel(part) for part in path)
        yield Effective(name, _shown(value, True), origins.get(".".join(path), DEFAULT))


def _keys(part: BaseModel, above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every advanced key, by its path in snake_case."""
    for name in type(part).model_fields:
        value = getattr(part, name)
        if isinstance(value, BaseModel):
            yield from _keys(value, (*above, name))
        else:
            yield (*above, name), value


def _shown(value: Any, may_be_shown: bool) -> str | int | bool:
    if not may_be_shown and value:
        hosts = isinstance(value, str) and value.startswith(("postgres", "redis", "amqp"))
        return mask(value) if hosts else HIDDEN
    if isinstance(value, bool | int):
        return value
    if isinstance(value, timedelta):
        return format_duration(value)
    if isinstance(value, tuple | Mapping):
        return ", ".join(map(str, value))
    return "" if value is None else mask(str(value))
