"""The rows of results that are pushed or waited for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import DateTime, Engine, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, Uuid

from healthmgr.domain.check import Status
from healthmgr.services.executing import Ordered
from healthmgr.services.pushing import Numbered
from healthmgr.storage.transactions import transaction
from healthmgr.views import ResultView

# A probe under way loses its claim to the pushed result, which is newer: its own is then stored and changes
# nothing. What takes no results keeps its number.
_NUMBER = text("""
WITH wanted AS (SELECT id, slug, kind, is_enabled, is_paused FROM checks WHERE slug = :slug),
taken AS (
    UPDATE check_schedules s SET sequence = s.sequence + 1
    FROM wanted w WHERE s.check_id = w.id AND w.is_enabled AND w.kind <> 'heartbeat'
    RETURNING s.check_id, s.sequence
)
SELECT w.id, w.slug, w.kind, w.is_enabled, w.is_paused, COALESCE(t.sequence, 0) AS sequence
FROM wanted w LEFT JOIN taken t ON t.check_id = w.id
""")

_BELIEVED = text("SELECT status, is_hard, last_sequence FROM check_states WHERE check_id = :id")

_CLAIMED = text("""
SELECT c.id, s.sequence FROM checks c JOIN check_schedules s ON s.check_id = c.id WHERE c.slug = :slug
""")

# The bound on started_at spares the older day tables; workers carry the clock forward to the millisecond.
_ANSWERS = text("""
SELECT DISTINCT ON (o.place) o.place, r.started_at, r.sequence, r.status, r.message, r.response_time, r.metrics,
       r.cause, r.slot_at, r.worker
FROM unnest(:ids, :afters, :since) WITH ORDINALITY AS o(check_id, after, since, place)
JOIN results r ON r.check_id = o.check_id AND r.started_at >= o.since AND r.sequence > o.after
ORDER BY o.place, r.sequence
""").bindparams(
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("afters", type_=ARRAY(BigInteger)),
    bindparam("since", type_=ARRAY(DateTime(timezone=True))),
)
_SKEW = timedelta(seconds=5)


class ExecutingRepository:
    """Satisfies `services.executing.ExecutingStore` and `services.pushing.PushStore`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def number(self, slug: str) -> Numbered | None:
        """Take the next sequence number of a check in one commit; of one that takes results, that is."""
        with transaction(self._engine) as connection:
            row = connection.execute(_NUMBER, {"slug": slug}).one_or_none()
        return Numbered(*row) if row else None

    def believed(self, check_id: UUID) -> tuple[Status, bool, int]:
        """A check's status, whether it is hard, and the number of the last result that was judged."""
        with transaction(self._engine) as connection:
            row = connection.execute(_BELIEVED, {"id": check_id}).one()
        return Status(row.status), row.is_hard, row.last_sequence

    def claimed(self, slug: str) -> tuple[UUID, int] | None:
        """A check's id and the number of its latest claim."""
        with transaction(self._engine) as connection:
            row = connection.execute(_CLAIMED, {"slug": slug}).one_or_none()
        return (row.id, row.sequence) if row else None

    def answers(self, orders: Sequence[Ordered]) -> Mapping[Ordered, ResultView]:
        """The first result after each order, where there is one."""
        values = {
            "ids": [order.check_id for order in orders],
            "afters": [order.after_sequence for order in orders],
            "since": [order.at - _SKEW for order in orders],
        }
        with transaction(self._engine) as connection:
            rows = connection.execute(_ANSWERS, values).mappings().all()
        return {orders[row["place"] - 1]: ResultView.model_validate(dict(row)) for row in rows}
