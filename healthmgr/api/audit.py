"""The audit log, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from healthmgr.api.checks import Cursor, Limit
from healthmgr.api.moments import Moment
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Admin
from healthmgr.views import Page
from healthmgr.views_audit import AuditView

router = APIRouter(prefix="/audit", tags=["audit"])

Text = Annotated[str | None, Query(max_length=200)]


@router.get("", summary="List what people and programs did")
def list_audit(
    parts: PartsDep,
    _: Admin,
    actor: Annotated[Text, Query(description="Only what this person or token did.", examples=["alice"])] = None,
    action: Annotated[Text, Query(description="Only actions that begin so.", examples=["incident"])] = None,
    target: Annotated[Text, Query(description="Only what was done to this.", examples=["12"])] = None,
    search: Annotated[Text, Query(description="Part of the actor, the action or the target.")] = None,
    begin: Annotated[Moment | None, Query(alias="from", description="Only what was done from then on.")] = None,
    end: Annotated[Moment | None, Query(alias="to", description="Only what was done before.")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[AuditView]:
    """Newest first, as far back as it is kept."""
    return parts.audit.entries(
        actor=actor, action=action, target=target, search=search, since=begin, until=end, cursor=cursor, limit=limit
    )
