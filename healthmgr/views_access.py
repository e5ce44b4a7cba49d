"""The shapes in which users and sessions are read."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from healthmgr.views import View


class UserView(View):
    """A user: never anything of their password. `person` is who they are for on-call."""

    name: str
    role: str
    person: str
    is_enabled: bool
    created_at: datetime
    last_sign_in_at: datetime | None


class SessionView(View):
    """A browser that somebody is signed in with; `method` is by what they showed who they are."""

    id: UUID
    name: str
    role: str
    method: str
    begun_at: datetime
    last_used_at: datetime
    ends_at: datetime
