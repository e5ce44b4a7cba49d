"""What passive kinds are shown of our own state, read in the transaction that claims them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, RowMapping, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Uuid

# A failure is news until a result has been evaluated whose claim came after it.
_HEARTBEATS = text("""
SELECT h.check_id, h.armed_at, h.last_ping_at, h.last_kind, h.last_detail, h.last_success_at, h.started_at, h.run_id,
       extract(epoch FROM h.run_time)::float AS run_time, h.failed_at, h.failed_kind, h.failed_detail, h.is_failing,
       COALESCE(h.failed_sequence >= st.last_sequence, false) AS is_failure_news
FROM heartbeats h JOIN check_states st ON st.check_id = h.check_id
WHERE h.check_id = ANY(:ids)
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))

# Names that no check bears are left out: to the probe they are checks that nothing is known of.
_MEMBERS = text("""
SELECT c.id AS composite_id, m.slug, st.status, st.is_hard, st.hard_status, st.since_at AS since,
       m.is_enabled AND NOT m.is_paused AS is_watched, m.labels ->> (c.config ->> 'by') AS "group"
FROM checks c
CROSS JOIN LATERAL jsonb_array_elements_text(c.config -> 'of') AS named(slug)
JOIN checks m ON m.slug = named.slug
JOIN check_states st ON st.check_id = m.id
WHERE c.id = ANY(:ids) AND jsonb_typeof(c.config -> 'of') = 'array'
""").bindparams(bindparam("ids", type_=ARRAY(Uuid)))


def read_views(connection: Connection, claimed: Sequence[tuple[UUID, str]]) -> Mapping[UUID, dict[str, Any]]:
    """The views of claimed checks, by id, as JSON-ready values; a kind that looks outside has none.

    Read after the claim's locks are held: a ping that was kept before the claim is always seen by it.
    """
    views: dict[UUID, dict[str, Any]] = defaultdict(dict)
    heartbeats = [check_id for check_id, kind in claimed if kind == "heartbeat"]
    if heartbeats:
        for row in connection.execute(_HEARTBEATS, {"ids": heartbeats}).mappings():
            views[row["check_id"]] = _to_json(row, "check_id")
    composites = [check_id for check_id, kind in claimed if kind == "composite"]
    if composites:
        for row in connection.execute(_MEMBERS, {"ids": composites}).mappings():
            views[row["composite_id"]][row["slug"]] = _to_json(row, "composite_id", "slug")
    return views


def _to_json(row: Mapping[Any, Any] | RowMapping, *without: str) -> dict[str, Any]:
    return {name: _plain(value) for name, value in row.items() if name not in without}


def _plain(value: Any) -> Any:
    if isinstance(value, UUID):
        return str(value)
    return value.isoformat() if hasattr(value, "isoformat") else value
