"""What a PostgreSQL server tells of itself: connections, transactions, locks, cache, replication; one statement."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - a class, whatever its name

# Everything is NULL, and then left out, where it does not apply or this user may not see it. A replica that has
# replayed all that it was sent, and is still being sent more, is not behind, however long nothing has happened.
_STATISTICS = """
SELECT
    (SELECT sum(numbackends) FROM pg_stat_database WHERE datname IS NOT NULL) AS connections,
    current_setting('max_connections')::int AS max_connections,
    sessions.*,
    (SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted) AS locks_waiting,
    (SELECT 100.0 * blks_hit / NULLIF(blks_hit + blks_read, 0) FROM pg_stat_database
     WHERE datname = current_database()) AS cache_hit_ratio,
    pg_is_in_recovery()::int AS is_replica,
    CASE WHEN NOT pg_is_in_recovery() THEN (SELECT count(*) FROM pg_stat_replication) END AS replicas,
    CASE
        WHEN NOT pg_is_in_recovery() THEN
            (SELECT COALESCE(extract(epoch FROM max(replay_lag)), 0) FROM pg_stat_replication
             WHERE state IS NOT NULL HAVING count(*) > 0)
        WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
        ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp())
    END AS replication_lag,
    CASE
        WHEN NOT pg_is_in_recovery() THEN
            (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)) FROM pg_stat_replication)
        ELSE pg_wal_lsn_diff(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn())
    END AS replication_lag_bytes
FROM (
    SELECT count(*) FILTER (WHERE state = 'active') AS connections_active,
           count(*) FILTER (WHERE state = 'idle') AS connections_idle,
           count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS connections_idle_in_transaction,
           count(*) FILTER (WHERE state IS NULL) AS connections_hidden,
           COALESCE(max(extract(epoch FROM clock_timestamp() - xact_start)), 0) AS oldest_transaction_age
    FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
) AS sessions
"""


def read_statistics(connection: Connection) -> dict[str, float]:
    """The server's numbers as metrics; none from a server that speaks PostgreSQL's protocol and keeps none."""
    with connection.cursor() as cursor:
        try:
            cursor.execute(_STATISTICS)
        except (psycopg2.ProgrammingError, psycopg2.NotSupportedError):
            return {}
        row = cursor.fetchone()
        metrics = numbers([column.name for column in cursor.description or ()], row or ())
    if metrics.get("max_connections"):
        metrics["connection_usage"] = 100.0 * metrics.get("connections", 0.0) / metrics["max_connections"]
    return metrics


def numbers(names: list[str], row: tuple[Any, ...]) -> dict[str, float]:
    """The numeric columns of a row by name."""
    pairs = zip(names, row, strict=True)
    return {n: float(v) for n, v in pairs if isinstance(v, int | float | Decimal) and not isinstance(v, bool)}
