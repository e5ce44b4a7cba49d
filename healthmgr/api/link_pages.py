"""What the pages have in common to which the links of messages lead: their form, and whether a link holds."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import jinja2
from fastapi import Depends, Request

from healthmgr.api.parts import Parts
from healthmgr.domain.links import ANSWERS, Claim, read
from healthmgr.domain.phrasing import absolute

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_FILES = Path(__file__).parent / "assets"
_STYLE = (_FILES / "answer.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
HEADERS = {
    "Content-Security-Policy": f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
}


@dataclass(frozen=True, slots=True)
class Broken:
    """A link that leads nowhere: the status of the page that says so, and its words."""

    status: int
    heading: str
    said: str


def follow(parts: Parts, token: str, now: datetime, purpose: bytes = ANSWERS) -> Claim | Broken:
    """What a link claims, where it holds."""
    claim = read(token, parts.settings.secret_key, _EVER, purpose)
    if claim is None:
        said = "It may have been cut off on its way, or come from a preview."
        return Broken(404, "This link is not one of ours", f"{said} Answer from the newest message, or sign in.")
    if now >= claim.expires_at:
        said = f"It was good until {absolute(claim.expires_at)}. Answer from a newer message, or sign in."
        return Broken(410, "This link is too old", said)
    return claim


def page_from(name: str) -> jinja2.Template:
    """A page of the assets, with the style that all of them share."""
    text = (_FILES / name).read_text(encoding="utf-8").replace("/*STYLE*/", _STYLE)
    return jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(text)


async def _body(request: Request) -> bytes:
    return await request.body()


def _origin(request: Request) -> str:
    return f"link {request.client.host}" if request.client else "link"


Body = Annotated[bytes, Depends(_body)]
Origin = Annotated[str, Depends(_origin)]
