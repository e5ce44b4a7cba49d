"""Calendars written short, and what is asked of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {"Ada": "ada", "Ada Lovelace": "ada", "ada@example.com": "ada", "Bob": "bob", "Doe, Cleo": "cleo"}
NOW = datetime(2026, 1, 1, tzinfo=UTC)
YEAR = timedelta(days=365)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def calendar(*events: str, zone: str = "") -> str:
    """A calendar of events whose lines are written with bars between them."""
    head = ["BEGIN:VCALENDAR", "VERSION:2.0", *([f"X-WR-TIMEZONE:{zone}"] if zone else [])]
    body = [line for event in events for line in ("BEGIN:VEVENT", *event.split("|"), "END:VEVENT")]
    return "\r\n".join([*head, *body, "END:VCALENDAR", ""])
