"""Sessions of browsers as rows: their digests, never what the browser keeps."""

from __future__ import annotations

from datetime import datetime, timedelta

import uuid_utils.compat as uuid_utils
from sqlalchemy import ColumnElement, Engine, delete, insert, or_, select, update

from healthmgr.services.sessions import Session
from healthmgr.services.tokens import Principal, Role
from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.tables import access_tokens, sessions

NOTE_USE_EVERY = timedelta(minutes=1)


class SessionRepository:
    """Satisfies `services.sessions.SessionStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def begin(
        self, key: str, principal: Principal, method: str, token_digest: str | None, ends_at: datetime, now: datetime
    ) -> Session:
        """Keep a new session."""
        session = Session(uuid_utils.uuid7(), principal.name, principal.role, ends_at)
        with self._engine.begin() as connection:
            connection.execute(
                insert(sessions).values(
                    id=session.id, digest=key, name=session.name, role=session.role.value, method=method,
                    token_digest=token_digest, begun_at=now, last_used_at=now, ends_at=ends_at,
                )
            )  # fmt: skip
            write_audit(connection, principal.name, "dashboard", "session.begin", principal.name, {"by": method}, now)
        return session

    def use(self, key: str, idle_since: datetime, now: datetime) -> Session | None:
        """The session that is valid now; its use is noted at most once a minute."""
        is_valid = (sessions.c.digest == key) & (sessions.c.ends_at > now) & (sessions.c.last_used_at > idle_since)
        columns = (sessions.c.id, sessions.c.name, sessions.c.role, sessions.c.ends_at, sessions.c.last_used_at)
        with self._engine.begin() as connection:
            row = connection.execute(select(*columns).where(is_valid, _has_its_token(now))).one_or_none()
            if row is None:
                return None
            if row.last_used_at <= now - NOTE_USE_EVERY:
                connection.execute(update(sessions).where(sessions.c.id == row.id).values(last_used_at=now))
        return Session(row.id, row.name, Role(row.role), row.ends_at)

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


def _has_its_token(now: datetime) -> ColumnElement[bool]:
    """What was begun with a token ends with it: when it is revoked, replaced or too old."""
    token = select(access_tokens.c.id).where(
        access_tokens.c.digest == sessions.c.token_digest,
        access_tokens.c.role == sessions.c.role,
        or_(access_tokens.c.expires_at.is_(None), access_tokens.c.expires_at > now),
    )
    return or_(sessions.c.token_digest.is_(None), token.exists())
