"""A month of rollups for all checks that are defined, made up by PostgreSQL: days, hours, and minutes of the last hour.

Hours are written one after another, each for all checks, as they come: what belongs to one check lies scattered.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, text

from healthmgr.domain.rollup import DAY, HOUR, MINUTE, floor
from healthmgr.storage.database import connect

_SERIES = text("""
INSERT INTO metric_series (check_id, metric) SELECT id, metric FROM checks, unnest(ARRAY['response_time', '(status)'])
AS metric ON CONFLICT DO NOTHING
""")
# A rollup of a response time has eight buckets; a status that was always the same has none.
_ROLLUPS = """
INSERT INTO {table} (series_id, at, is_planned, amount, total, lowest, highest, keys, counts)
SELECT s.id, at, false, :amount,
       CASE WHEN s.metric = 'response_time' THEN :amount * (0.02 + 0.03 * random()) ELSE 0 END,
       0, CASE WHEN s.metric = 'response_time' THEN 0.2 ELSE 0 END,
       CASE WHEN s.metric = 'response_time' THEN ARRAY(SELECT generate_series(840, 847) + s.id::integer % 20)
            ELSE NULL END,
       CASE WHEN s.metric = 'response_time' THEN ARRAY[1, 3, 8, 20, 15, 8, 4, 1]::bigint[]
            ELSE NULL END
FROM generate_series(CAST(:begin AS timestamptz), CAST(:end AS timestamptz) - interval '1 s', CAST(:step AS interval))
     AS at, metric_series s
ON CONFLICT DO NOTHING
"""
_RESULTS = text("""
INSERT INTO results (check_id, started_at, sequence, status, message, response_time, metrics, cause, worker, slot_at)
SELECT c.id, at + random() * interval '1 s', -extract(epoch FROM :end - at)::bigint - 1, 'healthy', '200 OK',
       0.02 + 0.03 * random(), '{}', 'slot', 'bench', at
FROM generate_series(CAST(:begin AS timestamptz), CAST(:end AS timestamptz) - interval '1 s', interval '1 minute')
     AS at, checks c
""")
_PROGRESS = text("UPDATE metric_progress SET hours_until = :hours, days_until = :days WHERE name = 'results'")


def fill(engine: Engine, days: int, now: datetime, say: Callable[[str], None]) -> int:
    """Make it all up; how many rollups there are."""
    with engine.begin() as connection:
        connection.execute(_SERIES)
    hours, today = floor(now, HOUR), floor(now, DAY)
    made = 0
    for day in range(days, -1, -1):
        begin = today - day * DAY
        made += _roll(engine, "metric_hours", begin, min(begin + DAY, hours), HOUR)
        if day % 10 == 0:
            say(f"{begin:%Y-%m-%d}: {made:,} rollups")
    made += _roll(engine, "metric_days", today - days * DAY, today, DAY)
    made += _roll(engine, "metric_minutes", hours, floor(now, MINUTE), MINUTE)
    with engine.begin() as connection:
        connection.execute(_RESULTS, {"begin": now - timedelta(minutes=50), "end": now})
        connection.execute(_PROGRESS, {"hours": hours, "days": today})
    _vacuum(engine)
    return made


def _roll(engine: Engine, table: str, begin: datetime, end: datetime, step: timedelta) -> int:
    seconds = step.total_seconds()
    values = {"begin": begin, "end": end, "step": f"{seconds} seconds", "amount": int(max(seconds / 60, 1))}
    with engine.begin() as connection:
        return int(connection.execute(text(_ROLLUPS.format(table=table)), values).rowcount)


def _vacuum(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    alone = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    with alone.connect() as connection:
        connection.execute(text("VACUUM (ANALYZE)"))
    alone.dispose()
