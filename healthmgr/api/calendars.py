"""Calendars that others subscribe to: an address with a key of its own, for calendars know no tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from fastapi import APIRouter, Request
from fastapi.responses import Response

from healthmgr.api.parts import PartsDep
from healthmgr.domain.ical_export import REFRESHED_EVERY
from healthmgr.services.subscribing import Subject, Subscription

router = APIRouter(include_in_schema=False)


@router.api_route("/calendars/{subject}/{name}/{key}.ics", methods=["GET", "HEAD"])
def show_calendar(subject: Subject, name: str, key: str, request: Request, parts: PartsDep) -> Response:
    """The shifts of a schedule or person, as iCalendar; 304 where the caller has just these."""
    found = parts.oncall.subscribing.subscribed(subject, name, key, parts.clock.now())
    headers = {
        "ETag": f'"{found.etag}"',
        "Last-Modified": format_datetime(_to_the_second(found.changed_at), usegmt=True),
        "Cache-Control": f"private, max-age={int(REFRESHED_EVERY.total_seconds())}",
        "X-Robots-Tag": "noindex, nofollow",
    }
    if _has_it(request, found):
        return Response(status_code=304, headers=headers)
    disposition = {"Content-Disposition": f'inline; filename="{subject.value}.ics"'}
    return Response(found.text, media_type="text/calendar; charset=utf-8", headers=headers | disposition)


def _has_it(request: Request, found: Subscription) -> bool:
    """If-None-Match decides where it was sent; a date alone where it was not."""
    tags = request.headers.get("If-None-Match")
    if tags is not None:
        mine = f'"{found.etag}"'
        return any(tag.strip().removeprefix("W/") in (mine, "*") for tag in tags.split(","))
    since = request.headers.get("If-Modified-Since")
    if since is None:
        return False
    try:
        return _to_the_second(found.changed_at) <= parsedate_to_datetime(since).astimezone(UTC)
    except (ValueError, OverflowError):
        return False


def _to_the_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0)
