"""HTML from templates: what is put into them is text, never markup."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from healthmgr.domain.phrasing import absolute, lasted, took

_COMMAND = re.compile(r"`([^`]+)`")
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


def _coded(text: str) -> Markup:
    """A text in which commands stand between backticks."""
    return Markup(_COMMAND.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped before it is marked up


def _source(managed_by: str) -> str:
    """Where something is defined: the name of a file as it is."""
    return managed_by.removeprefix("file:")


_environment.filters.update(
    absolute=absolute, coded=_coded, day=_day, iso=_iso, lasted=_length, source=_source, took=took
)
