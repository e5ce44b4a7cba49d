"""Users: people who sign in to the dashboard by a name and a password."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from healthmgr.domain.password import fault_of, hashed, is_outdated, is_right
from healthmgr.errors import Conflict, DefinitionError, NotFound, Problem
from healthmgr.services.judging import Judge, no_demand
from healthmgr.services.tokens import Role

_MOST_NAME = 100
_WORDS = 4  # of a password that is made up: 64 random bits and more


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who signs in. `person` is who they are for on-call, where they are."""

    id: UUID
    name: str
    role: Role
    person: str
    is_enabled: bool
    created_at: datetime
    last_sign_in_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to change of a user; None stays as it is."""

    role: Role | None = None
    person: str | None = None
    is_enabled: bool | None = None
    password_hash: str | None = None

    @property
    def ends_sessions(self) -> bool:
        """Whether they have to sign in again."""
        return self.role is not None or self.is_enabled is False or self.password_hash is not None


class UserStore(Protocol):
    """Where users are kept; every change leaves an audit entry in the same commit, and ends sessions there."""

    def add(
        self, name: str, password_hash: str, role: Role, person: str, now: datetime, *, actor: str, origin: str
    ) -> User | None:
        """Keep a new user; None when the name is taken."""
        ...

    def find(self, name: str) -> tuple[User, str] | None:
        """A user and what is kept of their password."""
        ...

    def list(self) -> list[User]:
        """All of them by name."""
        ...

    def change(
        self, name: str, change: Change, now: datetime, *, actor: str, origin: str, judge: Judge[User] = no_demand
    ) -> User | None:
        """Write a change, unless `judge` raises; None when there is no such user."""
        ...

    def note_sign_in(self, user_id: UUID, password_hash: str | None, now: datetime) -> None:
        """Write that they signed in, and their password's hash where it was made anew."""
        ...

    def note_refusal(self, name: str, origin: str, now: datetime) -> None:
        """Write that somebody tried to sign in by this name and was refused."""
        ...

    def people(self) -> Sequence[str]:
        """The people of on-call, by name."""
        ...


class Users:
    """Adds, changes and knows users."""

    def __init__(self, store: UserStore) -> None:
        self._store = store

    def add(
        self, name: str, password: str, role: Role | str, now: datetime, person: str = "", *, actor: str, origin: str
    ) -> User:
        """A new user. Raises Conflict for a name that is taken, DefinitionError for all that is wrong."""
        name = name.strip()
        problems = [*_judge_name(name), *_judge_role(role), *self._judge_person(person)]
        if fault := fault_of(password, name):
            problems.append(Problem(fault, path="password"))
        if problems:
            raise DefinitionError(problems)
        added = self._store.add(name, hashed(password), Role(role), person, now, actor=actor, origin=origin)
        if added is None:
            raise Conflict(f"A user named {name!r} exists: choose another name")
        return added

    def change(
        self,
        name: str,
        now: datetime,
        *,
        role: Role | str | None = None,
        person: str | None = None,
        is_enabled: bool | None = None,
        password: str | None = None,
        actor: str,
        origin: str,
        judge: Judge[User] = no_demand,
    ) -> User:
        """Change what is given; another role or password, or being disabled, ends their sessions at once.

        Raises NotFound, and DefinitionError for all that is wrong.
        """
        problems = [*(_judge_role(role) if role is not None else ()), *self._judge_person(person or "")]
        if password is not None and (fault := fault_of(password, name)):
            problems.append(Problem(fault, path="password"))
        if problems:
            raise DefinitionError(problems)
        wanted = Change(
            Role(role) if role is not None else None, person, is_enabled, hashed(password) if password else None
        )
        changed = self._store.change(name, wanted, now, actor=actor, origin=origin, judge=judge)
        if changed is None:
            raise _unknown(name)
        return changed

    def get(self, name: str) -> User:
        """One of them. Raises NotFound."""
        found = self._store.find(name)
        if found is None:
            raise _unknown(name)
        return found[0]

    def list(self) -> list[User]:
        """All of them by name."""
        return self._store.list()

    def verify(self, name: str, password: str, origin: str, now: datetime) -> User | None:
        """Whose name and password these are; None takes as long for a name that there is not."""
        found = self._store.find(name.strip())
        is_known = is_right(password, found[1] if found else None)
        if found is None or not is_known or not found[0].is_enabled:
            self._store.note_refusal(name.strip()[:_MOST_NAME], origin, now)
            return None
        self._store.note_sign_in(found[0].id, hashed(password) if is_outdated(found[1]) else None, now)
        return found[0]

    def _judge_person(self, person: str) -> Sequence[Problem]:
        if not person or person in (people := self._store.people()):
            return []
        known = ", ".join(people[:10]) or "nobody yet"
        return [Problem(f"there is no person {person!r}: there is {known}", path="person")]


def _unknown(name: str) -> NotFound:
    return NotFound(f"There is no user {name!r}: `healthmgr users list` shows those that exist")


def made_up_password() -> str:
    """A password for the first time: to be told to the user, and changed by them."""
    return "-".join(secrets.token_hex(3) for _ in range(_WORDS))


def _judge_name(name: str) -> list[Problem]:
    if not name or len(name) > _MOST_NAME or not name.isprintable():
        return [Problem(f"needs 1 to {_MOST_NAME} printable characters", path="name")]
    return []


def _judge_role(role: str) -> list[Problem]:
    allowed = (Role.VIEWER, Role.RESPONDER, Role.ADMIN)
    if role not in allowed:
        return [Problem(f"{role!r} is no role of a user: use one of {', '.join(allowed)}", path="role")]
    return []
