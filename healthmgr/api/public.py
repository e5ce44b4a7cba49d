"""What everybody may read without signing in: the status page, its feed, badges. Made at most once in a while, however
many read it, and served from what was last known while the database is away."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import jinja2
import structlog
from fastapi import APIRouter, Request
from fastapi import Path as PathParameter
from fastapi.responses import Response

from healthmgr.api.badges import badge_svg, standing_colour, uptime_colour
from healthmgr.api.parts import Parts, PartsDep
from healthmgr.domain.announcement import Announcement, State
from healthmgr.domain.phrasing import absolute, span
from healthmgr.domain.rollup import DAY, floor
from healthmgr.domain.status_page import DAYS, Standing, percent
from healthmgr.errors import Unavailable
from healthmgr.storage.reading_public import Published

router = APIRouter(include_in_schema=False)
Known = TypeVar("Known")
log = structlog.get_logger(__name__)

FRESH_FOR = 10.0  # seconds that an answer is served without being made again
_MOST_KEPT = 500
WINDOWS = {"24h": 1, "7d": 7, "30d": 30, "90d": 90}
_LATELY = timedelta(days=14)  # of what is over on the page; the feed goes further back
_FILES = Path(__file__).parent / "assets"
_STYLE = (_FILES / "status_page.css").read_text(encoding="utf-8")
_SCRIPT = (_FILES / "status_page.js").read_text(encoding="utf-8")
_STYLE_HASH, _SCRIPT_HASH = (
    f"'sha256-{base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()}'" for one in (_STYLE, _SCRIPT)
)
_POLICY = (
    f"default-src 'none'; style-src {_STYLE_HASH}; script-src {_SCRIPT_HASH}; connect-src 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADLINES = {
    Standing.OPERATIONAL: "All systems work",
    Standing.MAINTENANCE: "Planned work is under way",
    Standing.DEGRADED: "Something works less well than usual",
    Standing.PARTIAL: "Some things do not work",
    Standing.OUTAGE: "There is an outage",
    Standing.UNKNOWN: "Nothing is known at the moment",
}

_environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FILES),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters.update(
    absolute=absolute, percent=percent, iso=lambda at: at.astimezone(UTC).isoformat(timespec="seconds")
)
_environment.globals.update(span=span, DAY=DAY)


@dataclass(frozen=True, slots=True)
class Answer:
    """What is served, and what it is known by."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, text: str) -> Answer:
        """A text as it is served."""
        body = text.encode()
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


class Keeper:
    """What this process knows of what is published: found out by one request at a time, and kept for a little while."""

    def __init__(self, fresh_for: float = FRESH_FOR, tick: Callable[[], float] = time.monotonic) -> None:
        self._fresh_for = fresh_for
        self._tick = tick
        self._lock = threading.RLock()
        self._kept: dict[Hashable, tuple[Any, float]] = {}

    def get(self, name: Hashable, find_out: Callable[[], Known]) -> Known:
        """What is known under this name, found out anew where it is not fresh. With no database: the last one."""
        found: Known
        with self._lock:
            if name in self._kept and self._tick() - self._kept[name][1] < self._fresh_for:
                found = self._kept[name][0]
                return found
            try:
                found = find_out()
            except Unavailable as error:
                if name not in self._kept:
                    raise
                log.warning("status_page_is_old", error=str(error))
                found = self._kept[name][0]
                return found
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            self._kept[name] = found, self._tick()
            return found


@router.api_route("/status", methods=["GET", "HEAD"])
def show_status(request: Request, parts: PartsDep) -> Response:
    """The page. 404 until one is defined."""
    answer = _keeper(request).get("page", lambda: Answer.of(_page(parts)))
    return _answer(request, answer, "text/html; charset=utf-8", {"Content-Security-Policy": _POLICY})


@router.api_route("/status/feed.atom", methods=["GET", "HEAD"])
def show_feed(request: Request, parts: PartsDep) -> Response:
    """The announcements as an Atom feed."""
    base = _base(parts, request)
    answer = _keeper(request).get(("feed", base), lambda: Answer.of(_feed(parts, base)))
    return _answer(request, answer, "application/atom+xml; charset=utf-8", {})


@router.api_route("/badge/{slug}.svg", methods=["GET", "HEAD"])
def show_badge(slug: Annotated[str, PathParameter(max_length=100)], request: Request, parts: PartsDep) -> Response:
    """How a published check or group stands. 404 for what is not published."""

    name, _, standing = _published(request, parts).find(slug)
    answer = Answer.of(badge_svg(name, standing.value, standing_colour(standing)))
    return _answer(request, answer, "image/svg+xml", {})


@router.api_route("/badge/{slug}/uptime-{window}.svg", methods=["GET", "HEAD"])
def show_uptime_badge(
    slug: Annotated[str, PathParameter(max_length=100)],
    window: Literal["24h", "7d", "30d", "90d"],
    request: Request,
    parts: PartsDep,
) -> Response:
    """The uptime of a published check or group. 404 for what is not published."""

    name, checks, _ = _published(request, parts).find(slug)
    length = timedelta(days=WINDOWS[window])
    uptime = _keeper(request).get(
        ("uptime", slug, window), lambda: parts.public.reading.uptime(checks, length, parts.clock.now())
    )
    answer = Answer.of(badge_svg(f"{name} {window}", percent(uptime), uptime_colour(uptime)))
    return _answer(request, answer, "image/svg+xml", {})


def _keeper(request: Request) -> Keeper:
    keeper: Keeper = request.app.state.public_keeper
    return keeper


def _published(request: Request, parts: Parts) -> Published:
    return _keeper(request).get("published", parts.public.reading.published)


def _answer(request: Request, answer: Answer, media_type: str, headers: dict[str, str]) -> Response:
    headers = {
        "ETag": answer.etag,
        "Cache-Control": "public, max-age=30, stale-while-revalidate=60, stale-if-error=3600",
        **headers,
    }
    tags = request.headers.get("If-None-Match", "").split(",")
    if any(tag.strip().removeprefix("W/") in (answer.etag, "*") for tag in tags):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, media_type=media_type, headers=headers)


def _base(parts: Parts, request: Request) -> str:
    return parts.settings.public_url.rstrip("/") or str(request.base_url).rstrip("/")


def _page(parts: Parts) -> str:
    now = parts.clock.now()
    status = parts.public.reading.status(now)
    first = floor(now, DAY) - (DAYS - 1) * DAY
    return _environment.get_template("status_page.html.j2").render(
        style=_STYLE,
        script=_SCRIPT,
        headline=_HEADLINES[status.standing],
        status=status,
        first=first,
        now=now,
        days=DAYS,
        current=[one for one in status.announcements if not one.is_over(now) and not _is_coming(one, now)],
        coming=[one for one in reversed(status.announcements) if _is_coming(one, now)],
        past=[one for one in status.announcements if (ended := one.ended_at(now)) and ended > now - _LATELY],
        lately=_LATELY.days,
    )


def _is_coming(one: Announcement, now: datetime) -> bool:
    return one.state_at(now) is State.SCHEDULED


def _feed(parts: Parts, base: str) -> str:
    now = parts.clock.now()
    status = parts.public.reading.status(now)
    stamps = [one.updates[-1].at for one in status.announcements if one.updates]
    changed = max(stamps, default=datetime(1970, 1, 1, tzinfo=UTC))
    return _environment.get_template("status_feed.xml.j2").render(base=base, status=status, changed_at=changed, now=now)
