"""Sessions of browsers as rows: their digests, never what the browser keeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import uuid_utils.compat as uuid_utils
from sqlalchemy import ColumnElement, Engine, delete, insert, or_, select, update

from healthmgr.services.sessions import Proof, Session
from healthmgr.services.tokens import Principal, Role
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.tables import access_tokens, sessions, users
from healthmgr.views_access import SessionView

NOTE_USE_EVERY = timedelta(minutes=1)


class SessionRepository:
    """Satisfies `services.sessions.SessionStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(self, key: str, principal: Principal, proof: Proof, now: datetime) -> Session:
        """Keep a new session."""
        method, ends_at = proof.method, now + proof.lasts_for
        session = Session(uuid_utils.uuid7(), principal.name, principal.role, ends_at, method)
        with self._engine.begin() as connection:
            connection.execute(
                insert(sessions).values(
                    id=session.id, digest=key, name=session.name, role=session.role.value, method=method,
                    token_digest=proof.token_digest, user_id=proof.user_id, begun_at=now, last_used_at=now,
                    ends_at=ends_at,
                )
            )  # fmt: skip
            write_audit(connection, principal.name, "dashboard", "session.begin", principal.name, {"by": method}, now)
        return session

    def use(self, key: str, idle_since: datetime, now: datetime) -> Session | None:
        """The session that is valid now; its use is noted at most once a minute."""
        row = self._use(sessions.c.digest == key, idle_since, now)
        return Session(row.id, row.name, Role(row.role), row.ends_at, row.method) if row is not None else None

    def holds(self, session_id: UUID, idle_since: datetime, now: datetime) -> bool:
        """Whether it is valid still; its use is noted, too."""
        return self._use(sessions.c.id == session_id, idle_since, now) is not None

    def _use(self, is_meant: ColumnElement[bool], idle_since: datetime, now: datetime) -> Any:
        with self._engine.begin() as connection:
            row = connection.execute(select(sessions).where(is_meant, *_is_valid(idle_since, now))).one_or_none()
            if row is not None and row.last_used_at <= now - NOTE_USE_EVERY:
                connection.execute(update(sessions).where(sessions.c.id == row.id).values(last_used_at=now))
        return row

    def list(self, idle_since: datetime, now: datetime) -> list[SessionView]:
        """Those that are valid, the latest first."""
        columns = [sessions.c[name] for name in SessionView.model_fields]
        query = select(*columns).where(*_is_valid(idle_since, now)).order_by(sessions.c.begun_at.desc()).limit(500)
        with self._engine.connect() as connection:
            return [SessionView.model_validate(row) for row in connection.execute(query).mappings()]

    def end_all(self, name: str, now: datetime, *, actor: str, origin: str) -> int:
        """Forget all sessions of somebody."""
        with self._engine.begin() as connection:
            count = connection.execute(delete(sessions).where(sessions.c.name == name)).rowcount
            write_audit(connection, actor, origin, "session.end_all", name, {"count": count}, now)
        return count

    def end(self, key: str, now: datetime) -> bool:
        """Forget a session; false when there is none."""
        with self._engine.begin() as connection:
            name = connection.execute(
                delete(sessions).where(sessions.c.digest == key).returning(sessions.c.name)
            ).scalar_one_or_none()
            if name is not None:
                write_audit(connection, name, "dashboard", "session.end", name, {}, now)
        return name is not None

    def remove_ended(self, idle_since: datetime, now: datetime) -> int:
        """Forget those that have ended."""
        has_ended = (sessions.c.ends_at <= now) | (sessions.c.last_used_at <= idle_since)
        with self._engine.begin() as connection:
            return connection.execute(delete(sessions).where(has_ended)).rowcount


def _is_valid(idle_since: datetime, now: datetime) -> tuple[ColumnElement[bool], ...]:
    is_fresh = (sessions.c.ends_at > now) & (sessions.c.last_used_at > idle_since)
    return is_fresh, _has_its_token(now), _has_its_user()


def _has_its_user() -> ColumnElement[bool]:
    """What a user began ends when they are disabled or have another role."""
    user = select(users.c.id).where(
        users.c.id == sessions.c.user_id, users.c.role == sessions.c.role, users.c.is_enabled.is_(True)
    )
    return or_(sessions.c.user_id.is_(None), user.exists())


def _has_its_token(now: datetime) -> ColumnElement[bool]:
    """What was begun with a token ends with it: when it is revoked, replaced or too old."""
    token = select(access_tokens.c.id).where(
        access_tokens.c.digest == sessions.c.token_digest,
        access_tokens.c.role == sessions.c.role,
        or_(access_tokens.c.expires_at.is_(None), access_tokens.c.expires_at > now),
    )
    return or_(sessions.c.token_digest.is_(None), token.exists())
