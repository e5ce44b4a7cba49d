"""Access tokens, for admins."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

from healthmgr.api.checks import Cursor
from healthmgr.api.idempotency import holds_secret
from healthmgr.api.moments import Moment
from healthmgr.api.paging import MANY, TOKENS, Many
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Admin, Origin
from healthmgr.services.scopes import SCOPES
from healthmgr.services.tokens import Role
from healthmgr.storage.paging import page_of
from healthmgr.views import Page, TokenView

router = APIRouter(prefix="/tokens", tags=["tokens"])

_KNOWN: JsonDict = {"items": {"type": "string", "enum": [*sorted(SCOPES)]}}


class NewToken(BaseModel):
    """The token that is wanted."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["grafana"])
    role: Role = Field(
        description="viewer reads; responder also acts; admin does everything; ingest only brings pings and results."
    )
    scopes: list[str] = Field(
        default_factory=list,
        max_length=100,
        description="What it is held to within its role, as PART:read or PART:write; left out: all that the role may.",
        examples=[["checks:read", "incidents:write"]],
        json_schema_extra=_KNOWN,
    )
    expires_at: Moment | None = Field(None, examples=["2030-01-31T12:00:00Z"])


class CreatedToken(BaseModel):
    """A new token: `token` is shown here and never again."""

    name: str
    role: Role
    scopes: list[str]
    token: str
    expires_at: datetime | None


@router.get("", summary="List tokens")
def list_tokens(parts: PartsDep, _: Admin, cursor: Cursor = None, limit: Many = MANY) -> Page[TokenView]:
    """By name, with roles; a token itself is not kept and cannot be shown."""
    return page_of(parts.tokens.list(), TOKENS, lambda token: token, cursor=cursor, limit=limit)


@router.post("", status_code=201, summary="Create a token", dependencies=[Depends(holds_secret)])
def create_token(wanted: NewToken, parts: PartsDep, who: Admin, origin: Origin) -> CreatedToken:
    """409 when the name is taken."""
    now = parts.clock.now()
    token = parts.tokens.create(
        wanted.name, wanted.role, now, wanted.expires_at, wanted.scopes, actor=who.name, origin=origin
    )
    scopes = sorted(set(wanted.scopes))
    return CreatedToken(name=wanted.name, role=wanted.role, scopes=scopes, token=token, expires_at=wanted.expires_at)


@router.delete("/{name:path}", status_code=204, response_class=Response, summary="Revoke a token")
def revoke_token(name: str, parts: PartsDep, who: Admin, origin: Origin) -> None:
    """It is refused from the next request on."""
    parts.tokens.revoke(name, now=parts.clock.now(), actor=who.name, origin=origin)
