"""Access tokens as rows: their digests, never the tokens."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import uuid_utils.compat as uuid_utils
from sqlalchemy import Connection, Engine, delete, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from healthmgr.storage.audit_rows import write_audit
from healthmgr.storage.tables import access_tokens
from healthmgr.views import TokenView

NOTE_USE_EVERY = timedelta(minutes=1)


class TokenRepository:
    """Satisfies `services.tokens.TokenStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

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
        row: dict[str, Any] = {
            "name": name,
            "digest": digest,
            "role": role,
            "created_at": now,
            "expires_at": expires_at,
        }
        row["scopes"] = list(scopes)
        with self._engine.begin() as connection:
            added = connection.execute(
                upsert(access_tokens).values(id=uuid_utils.uuid7(), **row).on_conflict_do_nothing()
            ).rowcount
            if added:
                _audit(connection, now, actor, origin, "token.create", name, role)
        return bool(added)

    def put(self, name: str, digest: str, role: str, now: datetime, *, actor: str, origin: str) -> None:
        """Keep a token under its name, in place of any other of that name; nothing happens when it is there already."""
        row = {"name": name, "digest": digest, "role": role, "created_at": now}
        same = (access_tokens.c.digest == digest) & (access_tokens.c.role == role)
        statement = upsert(access_tokens).values(id=uuid_utils.uuid7(), **row)
        with self._engine.begin() as connection:
            # The same token under an older name would break the rule of one row a digest.
            connection.execute(
                delete(access_tokens).where(access_tokens.c.digest == digest, access_tokens.c.name != name)
            )
            changed = connection.execute(
                statement.on_conflict_do_update(
                    index_elements=["name"],
                    set_={
                        "digest": digest,
                        "role": role,
                        "scopes": [],
                        "created_at": now,
                        "expires_at": None,
                        "last_used_at": None,
                    },
                    where=~same | access_tokens.c.expires_at.is_not(None),
                )
            ).rowcount
            if changed:
                _audit(connection, now, actor, origin, "token.ensure", name, role)

    def use(self, digest: str, now: datetime) -> tuple[str, str, Sequence[str]] | None:
        """The name, role and scopes of a token that is valid now, with its use noted at most once a minute."""
        is_valid = (access_tokens.c.digest == digest) & or_(
            access_tokens.c.expires_at.is_(None), access_tokens.c.expires_at > now
        )
        with self._engine.begin() as connection:
            row = connection.execute(select(access_tokens).where(is_valid)).one_or_none()
            if row is None:
                return None
            if row.last_used_at is None or row.last_used_at <= now - NOTE_USE_EVERY:
                connection.execute(update(access_tokens).where(is_valid).values(last_used_at=now))
        return row.name, row.role, row.scopes

    def list(self) -> list[TokenView]:
        """All tokens by name."""
        columns = [access_tokens.c[name] for name in TokenView.model_fields]
        with self._engine.connect() as connection:
            rows = connection.execute(select(*columns).order_by(access_tokens.c.name)).mappings()
            return [TokenView.model_validate(row) for row in rows]

    def remove(self, name: str, now: datetime, *, actor: str, origin: str) -> bool:
        """Forget a token; false when there is none of that name."""
        with self._engine.begin() as connection:
            removed = connection.execute(delete(access_tokens).where(access_tokens.c.name == name)).rowcount
            if removed:
                _audit(connection, now, actor, origin, "token.revoke", name, None)
        return bool(removed)


def _audit(
    connection: Connection, now: datetime, actor: str, origin: str, action: str, name: str, role: str | None
) -> None:
    write_audit(connection, actor, origin, action, name, {"role": role} if role else {}, now)
