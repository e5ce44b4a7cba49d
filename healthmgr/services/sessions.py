"""Sessions of browsers: begun by signing in, kept only as a digest, ended by signing out, by idleness or by age."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from healthmgr.services.tokens import Principal, Role, Tokens, digest
from healthmgr.services.users import Users
from healthmgr.views_access import SessionView

IDLE_AFTER = timedelta(hours=12)
LONGEST = timedelta(days=7)
_RANDOM_BYTES = 32


@dataclass(frozen=True, slots=True)
class Session:
    """A browser that somebody signed in with: who it is, what they may do, and when that ends at the latest."""

    id: UUID
    name: str
    role: Role
    ends_at: datetime
    method: str = "token"


@dataclass(frozen=True, slots=True)
class Proof:
    """By what somebody showed who they are, and what their session ends with."""

    method: str
    token_digest: str | None = None
    user_id: UUID | None = None
    lasts_for: timedelta = LONGEST


class SessionStore(Protocol):
    """Where digests of sessions are kept."""

    def begin(self, key: str, principal: Principal, proof: Proof, now: datetime) -> Session:
        """Keep a new session; an entry of the audit log says so in the same commit."""
        ...

    def holds(self, session_id: UUID, idle_since: datetime, now: datetime) -> bool:
        """Whether it is valid still, with its use noted."""
        ...

    def list(self, idle_since: datetime, now: datetime) -> list[SessionView]:
        """Those that are valid, the latest first."""
        ...

    def end_all(self, name: str, now: datetime, *, actor: str, origin: str) -> int:
        """Forget all sessions of somebody; how many there were."""
        ...

    def use(self, key: str, idle_since: datetime, now: datetime) -> Session | None:
        """The session that is valid now, with its use noted; None when there is none or its token has gone."""
        ...

    def end(self, key: str, now: datetime) -> bool:
        """Forget a session; false when there is none."""
        ...

    def remove_ended(self, idle_since: datetime, now: datetime) -> int:
        """Forget those that have ended; how many there were."""
        ...


class Sessions:
    """Signs people in and out. What the browser keeps is 256 random bits; here is only their digest."""

    def __init__(self, store: SessionStore, tokens: Tokens, users: Users) -> None:
        self._store = store
        self._tokens = tokens
        self._users = users

    def sign_in_with_token(self, token: str, now: datetime) -> tuple[str, Session] | None:
        """What the browser is to keep, and the session; None when the token is not valid, only brings pings, or is
        held to scopes: a session would not be.

        The session ends with the token.
        """
        principal = self._tokens.verify(token.strip(), now)
        if principal is None or principal.role is Role.INGEST or principal.scopes:
            return None
        return self.begin(principal, Proof("token", token_digest=digest(token.strip())), now)

    def sign_in_with_password(self, name: str, password: str, origin: str, now: datetime) -> tuple[str, Session] | None:
        """The same for a user; None when name or password are wrong, or the user is disabled."""
        user = self._users.verify(name, password, origin, now)
        if user is None:
            return None
        return self.begin(Principal(user.name, user.role), Proof("password", user_id=user.id), now)

    def begin(self, principal: Principal, proof: Proof, now: datetime) -> tuple[str, Session]:
        """A session for somebody who has shown who they are."""
        key = secrets.token_urlsafe(_RANDOM_BYTES)
        return key, self._store.begin(digest(key), principal, proof, now)

    def holds(self, session: Session, now: datetime) -> bool:
        """Whether it is valid still: what is open in a browser asks again and again."""
        return self._store.holds(session.id, now - IDLE_AFTER, now)

    def list(self, now: datetime) -> list[SessionView]:
        """Those that are valid, the latest first."""
        return self._store.list(now - IDLE_AFTER, now)

    def end_all(self, name: str, *, now: datetime, actor: str, origin: str) -> int:
        """Sign somebody out everywhere; how many sessions there were."""
        return self._store.end_all(name, now, actor=actor, origin=origin)

    def find(self, key: str, now: datetime) -> Session | None:
        """Whose browser this is; None when it has to sign in."""
        return self._store.use(digest(key), now - IDLE_AFTER, now) if key else None

    def sign_out(self, key: str, now: datetime) -> None:
        """End a session. One that has ended already is no error."""
        self._store.end(digest(key), now)

    def tidy(self, now: datetime) -> int:
        """Forget the sessions that have ended."""
        return self._store.remove_ended(now - IDLE_AFTER, now)
