"""Sessions of browsers: begun by signing in, kept only as a digest, ended by signing out, by idleness or by age."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from healthmgr.services.tokens import Principal, Role, Tokens, digest

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


class SessionStore(Protocol):
    """Where digests of sessions are kept."""

    def begin(
        self, key: str, principal: Principal, method: str, token_digest: str | None, ends_at: datetime, now: datetime
    ) -> Session:
        """Keep a new session; an entry of the audit log says so in the same commit."""
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

    def __init__(self, store: SessionStore, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    def sign_in_with_token(self, token: str, now: datetime) -> tuple[str, Session] | None:
        """What the browser is to keep, and the session; None when the token is not valid or only brings pings.

        The session ends with the token.
        """
        principal = self._tokens.verify(token.strip(), now)
        if principal is None or principal.role is Role.INGEST:
            return None
        return self.begin(principal, "token", now, digest(token.strip()))

    def begin(
        self, principal: Principal, method: str, now: datetime, token_digest: str | None = None
    ) -> tuple[str, Session]:
        """A session for somebody who has proved who they are by this method."""
        key = secrets.token_urlsafe(_RANDOM_BYTES)
        return key, self._store.begin(digest(key), principal, method, token_digest, now + LONGEST, now)

    def find(self, key: str, now: datetime) -> Session | None:
        """Whose browser this is; None when it has to sign in."""
        return self._store.use(digest(key), now - IDLE_AFTER, now) if key else None

    def sign_out(self, key: str, now: datetime) -> None:
        """End a session. One that has ended already is no error."""
        self._store.end(digest(key), now)

    def tidy(self, now: datetime) -> int:
        """Forget the sessions that have ended."""
        return self._store.remove_ended(now - IDLE_AFTER, now)
