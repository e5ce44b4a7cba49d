"""Users as rows: of their passwords only hashes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects.postgresql import insert
from uuid_utils.compat import uuid7

from healthmgr.services.judging import Judge, no_demand
from healthmgr.services.tokens import Role
from healthmgr.services.users import Change, User
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.tables import recipients, sessions, users
from healthmgr.storage.transactions import transaction


class UserRepository:
    """Satisfies `services.users.UserStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self, name: str, password_hash: str, role: Role, person: str, now: datetime, *, actor: str, origin: str
    ) -> User | None:
        """Keep a new user; None when the name is taken."""
        values = {"name": name, "password_hash": password_hash, "role": role.value, "person": person}
        statement = insert(users).values(id=uuid7(), created_at=now, is_enabled=True, **values)
        with transaction(self._engine) as connection:
            row = connection.execute(statement.on_conflict_do_nothing().returning(users)).one_or_none()
            if row is not None:
                write_audit(connection, actor, origin, "user.add", name, {"role": role.value, "person": person}, now)
        return _to_user(row) if row is not None else None

    def find(self, name: str) -> tuple[User, str] | None:
        """A user and what is kept of their password."""
        with transaction(self._engine) as connection:
            row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
        return (_to_user(row), row.password_hash) if row is not None else None

    def list(self) -> list[User]:
        """All of them by name."""
        with transaction(self._engine) as connection:
            return [_to_user(row) for row in connection.execute(select(users).order_by(users.c.name))]

    def change(
        self, name: str, change: Change, now: datetime, *, actor: str, origin: str, judge: Judge[User] = no_demand
    ) -> User | None:
        """Write a change, unless `judge` raises; None when there is no such user."""
        wanted: dict[str, Any] = {
            "role": change.role.value if change.role is not None else None,
            "person": change.person,
            "is_enabled": change.is_enabled,
            "password_hash": change.password_hash,
        }
        values = {column: value for column, value in wanted.items() if value is not None}
        with transaction(self._engine) as connection:
            stored = connection.execute(select(users).where(users.c.name == name).with_for_update()).one_or_none()
            if stored is None:
                return None
            judge(_to_user(stored))
            if not values:
                return _to_user(stored)
            statement = update(users).where(users.c.id == stored.id).values(**values).returning(users)
            row = connection.execute(statement).one()
            if change.ends_sessions:
                connection.execute(delete(sessions).where(sessions.c.user_id == row.id))
            told = {key: value for key, value in values.items() if key != "password_hash"}
            detail = told | ({"password": "changed"} if change.password_hash else {})
            write_audit(connection, actor, origin, "user.change", name, detail, now)
        return _to_user(row)

    def note_sign_in(self, user_id: UUID, password_hash: str | None, now: datetime) -> None:
        """Write that they signed in, and their password's hash where it was made anew."""
        values: dict[str, Any] = {"last_sign_in_at": now}
        if password_hash is not None:
            values["password_hash"] = password_hash
        with transaction(self._engine) as connection:
            connection.execute(update(users).where(users.c.id == user_id).values(**values))

    def note_refusal(self, name: str, origin: str, now: datetime) -> None:
        """Write that somebody tried to sign in by this name and was refused."""
        with transaction(self._engine) as connection:
            write_audit(connection, "nobody", origin, "session.refused", name.replace("\0", ""), {}, now)

    def people(self) -> Sequence[str]:
        """The people of on-call, by name."""
        with transaction(self._engine) as connection:
            query = select(recipients.c.name).where(recipients.c.is_enabled).order_by(recipients.c.name)
            return connection.execute(query).scalars().all()


def _to_user(row: Any) -> User:
    return User(row.id, row.name, Role(row.role), row.person, row.is_enabled, row.created_at, row.last_sign_in_at)
