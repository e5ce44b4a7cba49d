"""HTML from templates: what is put into them is text, never markup."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from healthmgr.domain.phrasing import absolute, lasted, took

_environment = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, /, **values: Any) -> str:
    """One template, filled in; everything is escaped."""
    return _environment.get_template(f"{template}.html.j2").render(**values)


def _length(value: float | timedelta) -> str:
    return lasted(value if isinstance(value, timedelta) else timedelta(seconds=value))


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def _day(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b}"


_environment.filters.update(day=_day, lasted=_length, took=took, iso=_iso, absolute=absolute)
