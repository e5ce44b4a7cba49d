"""Access tokens: made once, kept only as a digest, and what each role may do."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol

from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem
from healthmgr.services.scopes import ADDRESSES, SCOPES
from healthmgr.views import TokenView

PREFIX = "hm_"
_LONGEST_LIFE = timedelta(days=36_500)
_RANDOM_BYTES = 32  # 43 characters of base64


class Role(StrEnum):
    """What a token's bearer may do: each of the first three includes the ones before it."""

    VIEWER = "viewer"
    RESPONDER = "responder"
    ADMIN = "admin"
    INGEST = "ingest"

    def includes(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for. Only ingest and admin may ping."""
        if Role.INGEST in (self, needed):
            return self in (needed, Role.ADMIN)
        ladder = (Role.VIEWER, Role.RESPONDER, Role.ADMIN)
        return ladder.index(self) >= ladder.index(needed)


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking: the token's name, its role, and the scopes that it is held to (none: all that the role may)."""

    name: str
    role: Role
    scopes: frozenset[str] = frozenset()

    def may(self, scope: str) -> bool:
        """Whether the scopes allow this; to write includes to read."""
        part, _, act = scope.partition(":")
        return not self.scopes or scope in self.scopes or (act == "read" and f"{part}:write" in self.scopes)


class TokenStore(Protocol):
    """Where digests of tokens are kept; every change leaves an audit entry in the same commit."""

    def add(
        self,
        name: str,
        digest: str,
        role: str,
        now: datetime,
        expires_at: datetime | None,
        scopes: Sequence[str] = (),
        *,
        actor: str,
        origin: str,
    ) -> bool:
        """Keep a new token; false when the name is taken."""
        ...

    def put(self, name: str, digest: str, role: str, now: datetime, *, actor: str, origin: str) -> None:
        """Keep a token under its name, in place of any other of that name; nothing happens when it is there already."""
        ...

    def use(self, digest: str, now: datetime) -> tuple[str, str, Sequence[str]] | None:
        """The name, role and scopes of a token that is valid now, with its use noted; None when there is none."""
        ...

    def list(self) -> list[TokenView]:
        """All tokens by name."""
        ...

    def remove(self, name: str, now: datetime, *, actor: str, origin: str) -> bool:
        """Forget a token; false when there is none of that name."""
        ...


class Tokens:
    """Creates, checks and revokes access tokens."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store

    def create(
        self,
        name: str,
        role: Role | str,
        now: datetime,
        expires_at: datetime | None = None,
        scopes: Collection[str] = (),
        *,
        actor: str = "system",
        origin: str = "system",
    ) -> str:
        """A new token, which cannot be read again later. Raises Conflict for a name that is taken.

        `scopes` hold it to some parts of the API, within what its role may.
        """
        _refuse_bad(name, role, now, expires_at, scopes)
        expires_at = expires_at.astimezone(UTC) if expires_at else None
        token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        kept, only = digest(token), sorted(set(scopes))
        if not self._store.add(name, kept, Role(role).value, now, expires_at, only, actor=actor, origin=origin):
            raise Conflict(f"A token named {name!r} exists: choose another name, or revoke that one first")
        return token

    def ensure(
        self,
        name: str,
        role: Role | str,
        token: str | None,
        now: datetime,
        *,
        actor: str = "system",
        origin: str = "system",
    ) -> str:
        """This token (a new one when None) as the one of this name, whatever was there before. Never expires."""
        _refuse_bad(name, role, now, None)
        if token is None:
            token = PREFIX + secrets.token_urlsafe(_RANDOM_BYTES)
        elif not token.startswith(PREFIX) or len(token) < len(PREFIX) + 32:
            problem = Problem(f"a token starts with {PREFIX} and has at least 32 more characters", path="token")
            raise DefinitionError([problem])
        self._store.put(name, digest(token), Role(role).value, now, actor=actor, origin=origin)
        return token

    def verify(self, token: str, now: datetime) -> Principal | None:
        """Whose token this is, or None when it is unknown or expired."""
        if not token.startswith(PREFIX):
            return None
        found = self._store.use(digest(token), now)
        return Principal(found[0], Role(found[1]), frozenset(found[2])) if found else None

    def list(self) -> list[TokenView]:
        """All tokens by name, expired ones too."""
        return self._store.list()

    def revoke(self, name: str, *, now: datetime, actor: str = "system", origin: str = "system") -> None:
        """End a token at once. Raises NotFound."""
        if not self._store.remove(name, now, actor=actor, origin=origin):
            raise NotFound(f"There is no token {name!r}: `healthmgr tokens list` shows those that exist")


def digest(token: str) -> str:
    """SHA-256 in hex. A token is 256 random bits, so no slow hash is needed to protect it."""
    return hashlib.sha256(token.encode()).hexdigest()


def _refuse_bad(name: str, role: str, now: datetime, expires_at: datetime | None, scopes: Collection[str] = ()) -> None:
    problems = [
        Problem(
            f"{scope!r} is no scope: use PART:read or PART:write, with one of {', '.join(ADDRESSES)}", path="scopes"
        )
        for scope in scopes
        if scope not in SCOPES
    ]
    if not name.strip() or len(name) > 100 or not name.isprintable():
        problems.append(Problem("a token needs a name of 1 to 100 printable characters", path="name"))
    if role not in tuple(Role):
        problems.append(Problem(f"{role!r} is not a role: use one of {', '.join(Role)}", path="role"))
    if expires_at is not None and expires_at.tzinfo is None:
        problems.append(Problem("an expiry needs a UTC offset, such as 2030-01-31T12:00:00Z", path="expires_at"))
    elif expires_at is not None and expires_at <= now:
        problems.append(Problem(f"{expires_at.isoformat()} is not in the future", path="expires_at"))
    elif expires_at is not None and expires_at - now > _LONGEST_LIFE:
        problems.append(Problem("an expiry that far away is none: leave it out", path="expires_at"))
    if problems:
        raise DefinitionError(problems)
