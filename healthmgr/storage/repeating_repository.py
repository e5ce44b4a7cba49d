"""Keys of requests that may come twice, and what was answered to them, as rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from healthmgr.services.repeating import Answer, Claim, Earlier, Stand
from healthmgr.storage.tables import repeatable_requests
from healthmgr.storage.transactions import transaction

_TABLE = repeatable_requests.c


class RepeatingRepository:
    """Satisfies `services.repeating.RepeatingStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, claim: Claim, fingerprint: str, now: datetime, lapsed_before: datetime) -> Earlier | None:
        """Take a key that is free or lapsed; None, or what took it earlier."""
        values = {"claim_id": claim.id, "fingerprint": fingerprint, "begun_at": now, "stand": Stand.UNDER_WAY.value}
        emptied: dict[str, Any] = {"status": None, "headers": {}, "body": None}
        statement = insert(repeatable_requests).values(key=claim.key, **values)
        taking = statement.on_conflict_do_update(
            index_elements=["key"], set_=values | emptied, where=_TABLE.begun_at < lapsed_before
        )
        with transaction(self._engine) as connection:
            if connection.execute(taking).rowcount:
                return None
            row = connection.execute(select(repeatable_requests).where(_TABLE.key == claim.key)).one_or_none()
        if row is None:  # its claim was given up in between
            return self.claim(claim, fingerprint, now, lapsed_before)
        answer = Answer(row.status, row.headers, row.body) if row.body is not None else None
        return Earlier(row.fingerprint, row.begun_at, Stand(row.stand), answer)

    def conclude(self, claim: Claim, stand: Stand, answer: Answer | None) -> None:
        """Write what became of it."""
        kept = {"status": answer.status, "headers": dict(answer.headers), "body": answer.body} if answer else {}
        with transaction(self._engine) as connection:
            connection.execute(
                update(repeatable_requests).where(_TABLE.claim_id == claim.id).values(stand=stand.value, **kept)
            )

    def release(self, claim: Claim) -> None:
        """Make the key free again."""
        with transaction(self._engine) as connection:
            connection.execute(delete(repeatable_requests).where(_TABLE.claim_id == claim.id))

    def forget(self, before: datetime) -> int:
        """Remove what began before."""
        with transaction(self._engine) as connection:
            return connection.execute(delete(repeatable_requests).where(_TABLE.begun_at < before)).rowcount
