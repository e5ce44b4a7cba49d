"""Users and sessions, for admins."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from healthmgr.api.checks import Cursor
from healthmgr.api.etags import IfMatch, tagged
from healthmgr.api.paging import MANY, SESSIONS, USERS, Many
from healthmgr.api.parts import PartsDep
from healthmgr.api.security import Admin, Origin
from healthmgr.services.tokens import Role
from healthmgr.services.users import User
from healthmgr.storage.paging import page_of
from healthmgr.views import Page
from healthmgr.views_access import SessionView, UserView

router = APIRouter(prefix="/users", tags=["users"])
session_router = APIRouter(prefix="/sessions", tags=["users"])


class NewUser(BaseModel):
    """The user that is wanted."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(max_length=100, examples=["ada"])
    password: str = Field(max_length=1000, description="12 characters at least.", examples=["four plain words here"])
    role: Role = Field(Role.VIEWER, description="viewer, responder or admin.")
    person: str = Field("", max_length=100, description="Who they are for on-call.")


class ChangedUser(BaseModel):
    """What is to change; what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    role: Role | None = None
    person: str | None = Field(None, max_length=100)
    is_enabled: bool | None = None
    password: str | None = Field(None, max_length=1000)


class Ended(BaseModel):
    """How many sessions were ended."""

    ended: int


@router.get("", summary="List users")
def list_users(parts: PartsDep, _: Admin, cursor: Cursor = None, limit: Many = MANY) -> Page[UserView]:
    """By name, with roles; nothing of a password can be shown."""
    return page_of(parts.users.list(), USERS, _view, cursor=cursor, limit=limit)


@router.post("", status_code=201, summary="Add a user")
def add_user(wanted: NewUser, parts: PartsDep, who: Admin, origin: Origin) -> UserView:
    """409 when the name is taken."""
    now = parts.clock.now()
    user = parts.users.add(wanted.name, wanted.password, wanted.role, now, wanted.person, actor=who.name, origin=origin)
    return _view(user)


@router.get("/{name:path}", summary="Show a user")
def show_user(name: str, parts: PartsDep, _: Admin, response: Response) -> UserView:
    """Their role, who they are for on-call, and when they signed in last."""
    return tagged(response, _view(parts.users.get(name)))


@router.patch("/{name:path}", summary="Change a user")
def change_user(
    name: str, wanted: ChangedUser, parts: PartsDep, who: Admin, origin: Origin, condition: IfMatch
) -> UserView:
    """Another role or password, or being disabled, ends their sessions at once."""
    now = parts.clock.now()
    judge = condition.on(_view)
    changed = parts.users.change(name, now, **wanted.model_dump(), actor=who.name, origin=origin, judge=judge)
    return condition.tagged(_view(changed))


@session_router.get("", summary="List sessions")
def list_sessions(parts: PartsDep, _: Admin, cursor: Cursor = None, limit: Many = MANY) -> Page[SessionView]:
    """Who is signed in, by what, and since when; the latest first."""
    found = parts.sessions.list(parts.clock.now())
    return page_of(found, SESSIONS, lambda session: session, cursor=cursor, limit=limit)


@session_router.delete("/{name:path}", summary="Sign somebody out everywhere")
def end_sessions(name: str, parts: PartsDep, who: Admin, origin: Origin) -> Ended:
    """All sessions of that name end at once."""
    count = parts.sessions.end_all(name, now=parts.clock.now(), actor=who.name, origin=origin)
    return Ended(ended=count)


def _view(user: User) -> UserView:
    return UserView.model_validate(user, from_attributes=True)
