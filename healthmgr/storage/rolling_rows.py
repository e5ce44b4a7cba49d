"""Rolling up as statements: results into minutes, minutes into hours, hours into days.

Which results are new is told by the transaction that stored them, as PostgreSQL itself tells what a snapshot sees:
those before a number have been taken, but for a few that had not ended then. One row is locked while anything is
rolled up, and moved in the same commit: whatever dies, nothing is left out or taken twice.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

import structlog
from sqlalchemy import Connection, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import BigInteger, DateTime, Uuid

from healthmgr.domain.rollup import LARGEST, MOST_METRICS, REGULAR, RESPONSE_TIME, STATUS, STATUS_NUMBERS, Tier
from healthmgr.services.rolling import Batch, Rolled, RollingTransaction
from healthmgr.storage.planned_rows import read_planned

log = structlog.get_logger(__name__)

_BEGIN = text("INSERT INTO metric_progress (name, stored_before) VALUES ('results', 1) ON CONFLICT DO NOTHING")
_LOCK = text("""
SELECT stored_before, awaited, old_before FROM metric_progress
WHERE name = 'results' FOR UPDATE SKIP LOCKED
""")
# Compiling these takes many times as long as carrying them out.
_PLAINLY = text("SET LOCAL jit = off")
_SNAPSHOT = text("""
SELECT pg_snapshot_xmax(s)::text::bigint AS until,
       ARRAY(SELECT x::text::bigint FROM pg_snapshot_xip(s) AS x) AS running
FROM pg_current_snapshot() AS s
""")
_NOT_OURS = text("UPDATE results SET stored_in = -1 WHERE stored_in >= :until")
# Where a batch ends: a transaction is never divided.
_UPPER = text("""
SELECT stored_in FROM results WHERE stored_in >= :low AND stored_in < :until
ORDER BY stored_in OFFSET :size LIMIT 1
""")
_FIRST_OLD = text("SELECT min(started_at) FROM results WHERE stored_in = 0 AND started_at >= :begin")
_MOVE = text("""
UPDATE metric_progress SET stored_before = :stored_before, awaited = :awaited, old_before = :old_before,
    rolled_at = CASE WHEN :is_all THEN :now ELSE rolled_at END
WHERE name = 'results'
""").bindparams(bindparam("old_before", type_=DateTime(timezone=True)), bindparam("awaited", type_=ARRAY(BigInteger)))

_OF_BATCH = """
    (r.stored_in >= :low AND r.stored_in < :high AND r.stored_in <> ALL(CAST(:running AS bigint[]))
     OR r.stored_in = ANY(CAST(:ended AS bigint[])))
    AND r.started_at >= :begin AND r.started_at < :end
"""
_SPAN = text(f"""
SELECT min(started_at) AS first, max(started_at) AS last, count(*) AS amount FROM results r WHERE {_OF_BATCH}
""")  # noqa: S608 - composed of constants alone

_NEW_SERIES = text(f"""
WITH batch AS MATERIALIZED (SELECT r.check_id, r.metrics FROM results r WHERE {_OF_BATCH}), found AS (
    SELECT DISTINCT check_id, unnest(ARRAY['{RESPONSE_TIME}', '{STATUS}']) AS metric FROM batch
    UNION
    SELECT check_id, m.key FROM batch CROSS JOIN LATERAL jsonb_each(batch.metrics) m
    WHERE jsonb_typeof(m.value) = 'number'
), missing AS (
    SELECT f.check_id, f.metric FROM found f JOIN checks c ON c.id = f.check_id
    WHERE NOT EXISTS (SELECT 1 FROM metric_series s WHERE s.check_id = f.check_id AND s.metric = f.metric)
), numbered AS (
    SELECT n.check_id, n.metric, row_number() OVER (PARTITION BY n.check_id ORDER BY n.metric)
        + (SELECT count(*) FROM metric_series s WHERE s.check_id = n.check_id) AS place
    FROM missing n
)
INSERT INTO metric_series (check_id, metric)
SELECT check_id, metric FROM numbered WHERE place <= {MOST_METRICS} ORDER BY check_id, metric
ON CONFLICT DO NOTHING
""")  # noqa: S608 - composed of constants alone

_CODES = " ".join(f"WHEN '{status.value}' THEN {number}" for status, number in STATUS_NUMBERS.items())
_REGULAR = ", ".join(f"'{cause.value}'" for cause in REGULAR)
# Of rows by key, with count, total, lowest and highest: the rollup of them all.
_ROLLUP = """
    sum(count)::bigint AS amount, sum(total) AS total, min(lowest) AS lowest, max(highest) AS highest,
    CASE WHEN min(lowest) < max(highest) THEN array_agg(key ORDER BY key) END AS keys,
    CASE WHEN min(lowest) < max(highest) THEN array_agg(count ORDER BY key) END AS counts
"""
# Adding to what is there: the order in which batches come makes no difference.
_FOLD_BATCH = f"""
WITH planned AS (
    SELECT * FROM unnest(:planned_checks, :planned_from, :planned_to) AS p(check_id, starts_at, ends_at)
), batch AS MATERIALIZED (
    SELECT r.check_id, date_trunc('minute', r.started_at, 'UTC') AS at, r.status, r.cause, r.response_time, r.metrics,
        EXISTS (SELECT 1 FROM planned p WHERE p.check_id = r.check_id
                AND r.started_at >= p.starts_at AND r.started_at < p.ends_at) AS is_planned
    FROM results r WHERE {_OF_BATCH}
), measured AS (
    SELECT check_id, at, is_planned, '{RESPONSE_TIME}' AS metric, response_time AS value FROM batch
    WHERE response_time BETWEEN -{LARGEST!r} AND {LARGEST!r}
    UNION ALL
    SELECT check_id, at, is_planned, '{STATUS}', CASE status {_CODES} END FROM batch WHERE cause IN ({_REGULAR})
    UNION ALL
    SELECT check_id, at, is_planned, metric, CASE WHEN abs(number) < 1e-300 THEN 0 ELSE number::double precision END
    FROM (SELECT check_id, at, is_planned, m.key AS metric,
                 CASE WHEN jsonb_typeof(m.value) = 'number' THEN m.value::numeric END AS number
          FROM batch CROSS JOIN LATERAL jsonb_each(batch.metrics) m
          WHERE m.key NOT IN ('{RESPONSE_TIME}', '{STATUS}')) AS numbers
    WHERE number BETWEEN -{LARGEST!r}::numeric AND {LARGEST!r}::numeric
), by_key AS (
    SELECT check_id, metric, at, is_planned, metric_key(value) AS key, count(*) AS count, sum(value) AS total,
           min(value) AS lowest, max(value) AS highest
    FROM measured GROUP BY 1, 2, 3, 4, 5
), folded AS (
    SELECT s.id AS series_id, at, is_planned, {_ROLLUP}
    FROM by_key JOIN metric_series s USING (check_id, metric) GROUP BY 1, 2, 3
), changed AS (
    INSERT INTO metric_changes (tier, at, series_id)
    SELECT DISTINCT '{Tier.HOUR}', date_trunc('hour', at, 'UTC'), series_id FROM folded
    ON CONFLICT DO NOTHING
)
INSERT INTO metric_minutes AS m (series_id, at, is_planned, amount, total, lowest, highest, keys, counts)
SELECT * FROM folded ORDER BY series_id, at
ON CONFLICT (series_id, at, is_planned) DO UPDATE SET
    amount = m.amount + EXCLUDED.amount, total = m.total + EXCLUDED.total,
    lowest = LEAST(m.lowest, EXCLUDED.lowest), highest = GREATEST(m.highest, EXCLUDED.highest),
    (keys, counts) = (
        SELECT array_agg(b.key ORDER BY b.key), array_agg(b.count ORDER BY b.key)
        FROM (SELECT u.key, sum(u.count)::bigint AS count
              FROM (SELECT * FROM metric_buckets(m.lowest, m.amount, m.keys, m.counts)
                    UNION ALL
                    SELECT * FROM metric_buckets(EXCLUDED.lowest, EXCLUDED.amount, EXCLUDED.keys, EXCLUDED.counts)) u
              GROUP BY u.key) b
        WHERE LEAST(m.lowest, EXCLUDED.lowest) < GREATEST(m.highest, EXCLUDED.highest))
"""  # noqa: S608 - composed of constants alone
_FOLD = text(_FOLD_BATCH).bindparams(
    bindparam("planned_checks", type_=ARRAY(Uuid)),
    bindparam("planned_from", type_=ARRAY(DateTime(timezone=True))),
    bindparam("planned_to", type_=ARRAY(DateTime(timezone=True))),
)


def _coarsen(tier: Tier, source: str, target: str) -> str:
    """Put together anew what has changed: nothing is added to what was there, so nothing can be added twice."""
    above = f"""
    , above AS (
        INSERT INTO metric_changes (tier, at, series_id)
        SELECT DISTINCT '{Tier.DAY}', date_trunc('day', at, 'UTC'), series_id FROM taken ON CONFLICT DO NOTHING
    )"""  # noqa: S608 - composed of constants alone
    return f"""
WITH taken AS (
    DELETE FROM metric_changes c USING (
        SELECT tier, at, series_id FROM metric_changes WHERE tier = '{tier}' AND at < :until
        ORDER BY at, series_id LIMIT :size
    ) AS chosen
    WHERE c.tier = chosen.tier AND c.at = chosen.at AND c.series_id = chosen.series_id
    RETURNING c.at, c.series_id
), by_key AS (
    SELECT t.series_id, t.at, f.is_planned, b.key, sum(b.count)::bigint AS count
    FROM taken t JOIN {source} f ON f.series_id = t.series_id AND f.at >= t.at AND f.at < t.at + interval '1 {tier}'
    CROSS JOIN LATERAL metric_buckets(f.lowest, f.amount, f.keys, f.counts) b
    GROUP BY 1, 2, 3, 4
), sketches AS (
    SELECT series_id, at, is_planned, array_agg(key ORDER BY key) AS keys, array_agg(count ORDER BY key) AS counts
    FROM by_key GROUP BY 1, 2, 3
), numbers AS (
    SELECT t.series_id, t.at, f.is_planned, sum(f.amount)::bigint AS amount, sum(f.total) AS total,
           min(f.lowest) AS lowest, max(f.highest) AS highest
    FROM taken t JOIN {source} f ON f.series_id = t.series_id AND f.at >= t.at AND f.at < t.at + interval '1 {tier}'
    GROUP BY 1, 2, 3
), written AS (
    INSERT INTO {target} AS m (series_id, at, is_planned, amount, total, lowest, highest, keys, counts)
    SELECT n.series_id, n.at, n.is_planned, amount, total, lowest, highest,
           CASE WHEN lowest < highest THEN keys END, CASE WHEN lowest < highest THEN counts END
    FROM numbers n JOIN sketches s USING (series_id, at, is_planned)
    ON CONFLICT (series_id, at, is_planned) DO UPDATE SET
        amount = EXCLUDED.amount, total = EXCLUDED.total, lowest = EXCLUDED.lowest, highest = EXCLUDED.highest,
        keys = EXCLUDED.keys, counts = EXCLUDED.counts
){above if tier is Tier.HOUR else ""}
SELECT count(*) FROM taken
"""  # noqa: S608 - composed of constants alone


_COARSEN = {
    Tier.HOUR: text(_coarsen(Tier.HOUR, "metric_minutes", "metric_hours")),
    Tier.DAY: text(_coarsen(Tier.DAY, "metric_hours", "metric_days")),
}
_UNTIL = {
    Tier.HOUR: text("UPDATE metric_progress SET hours_until = :until WHERE name = 'results'"),
    Tier.DAY: text("UPDATE metric_progress SET days_until = :until WHERE name = 'results'"),
}


class RollingRows(RollingTransaction):
    """Rolling up within one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lock(self) -> Rolled | None:
        self._connection.execute(_PLAINLY)
        self._connection.execute(_BEGIN)
        row = self._connection.execute(_LOCK).one_or_none()
        if row is None:
            return None
        until, running = self._connection.execute(_SNAPSHOT).one()
        if row.stored_before > until:
            # This database came here from another server, with the numbers of its transactions: they mean nothing
            # any more, and must not be mistaken for ours when we have counted as far.
            self._connection.execute(_NOT_OURS, {"until": until})
            log.warning("transactions_numbered_anew", rolled_before=row.stored_before, until=until)
            return Rolled(until, frozenset(), until, frozenset(running), row.old_before)
        return Rolled(row.stored_before, frozenset(row.awaited), until, frozenset(running), row.old_before)

    def upper(self, low: int, until: int, size: int) -> int | None:
        found = self._connection.execute(_UPPER, {"low": low, "until": until, "size": size}).scalar()
        return None if found is None else max(int(found), low + 1)

    def first_old(self, begin: datetime) -> datetime | None:
        found: datetime | None = self._connection.execute(_FIRST_OLD, {"begin": begin}).scalar()
        return found

    def fold(self, batch: Batch) -> int:
        values = asdict(batch) | {"ended": list(batch.ended), "running": list(batch.running)}
        span = self._connection.execute(_SPAN, values).one()
        if not span.amount:
            return 0
        planned = read_planned(self._connection, span.first, span.last)
        self._connection.execute(_NEW_SERIES, values)
        self._connection.execute(
            _FOLD,
            values
            | {
                "planned_checks": [one.check_id for one in planned],
                "planned_from": [one.starts_at for one in planned],
                "planned_to": [one.ends_at for one in planned],
            },
        )
        return int(span.amount)

    def move(self, rolled: Rolled, now: datetime, *, is_all: bool) -> None:
        values = {
            "stored_before": rolled.stored_before,
            "awaited": sorted(rolled.awaited),
            "old_before": rolled.old_before,
        }
        self._connection.execute(_MOVE, values | {"now": now, "is_all": is_all})

    def coarsen(self, tier: Tier, until: datetime, size: int) -> int:
        count = int(self._connection.execute(_COARSEN[tier], {"until": until, "size": size}).scalar_one())
        if count < size:
            self._connection.execute(_UNTIL[tier], {"until": until})
        return count

    def forget(self, tier: Tier, before: datetime, size: int) -> int:
        return self._connection.execute(_FORGET[tier], {"before": before, "size": size}).rowcount


_FORGET = {
    tier: text(f"""
    DELETE FROM {table} WHERE (series_id, at, is_planned) IN (
        SELECT series_id, at, is_planned FROM {table} WHERE at < :before LIMIT :size
    )""")  # noqa: S608 - constants
    for tier, table in ((Tier.HOUR, "metric_hours"), (Tier.DAY, "metric_days"))
}
