"""`make bench-metrics`: ten million results of fifty checks over thirty days, rolled up, and how soon they answer.

The results are made up by PostgreSQL and stored as evaluation stores them; everything after that is healthmgr's own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from uuid import UUID

from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from healthmgr.domain.rollup import Kept, floor
from healthmgr.services.rolling import Rolling
from healthmgr.storage.database import connect, upgrade
from healthmgr.storage.day_tables import DayTables
from healthmgr.storage.rolling_rows import RollingRows
from healthmgr.storage.series import Series
from healthmgr.storage.transactions import Transactions
from scripts.bench.site import opened

CHECKS = 50
DAYS = 30
REPEATS = 20

_CHECK = text("""
INSERT INTO checks (id, slug, name, kind, config, interval, timeout, retry_interval, max_attempts, success_threshold,
                    severity, degraded_severity, detects_flapping, is_enabled, managed_by, created_at, updated_at)
SELECT gen_random_uuid(), 'check-' || n, 'check ' || n, 'http', '{}', interval '13 s', interval '5 s', interval '3 s',
       3, 1, 'high', 'medium', true, true, 'bench', now(), now()
FROM generate_series(1, :checks) AS n
RETURNING id
""")
# Response times as they are: most are near the middle, some far above it, more of them at noon.
_RESULTS = text("""
INSERT INTO results (check_id, started_at, sequence, status, message, response_time, metrics, cause, worker)
SELECT c.id, at, extract(epoch FROM at)::bigint, CASE WHEN random() < 0.002 THEN 'unhealthy' ELSE 'healthy' END, '',
       exp(-3 + 0.6 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())
           + 0.5 * sin(extract(epoch FROM at) / 86400 * 2 * pi())),
       '{}', 'slot', 'bench'
FROM checks c
CROSS JOIN generate_series(CAST(:begin AS timestamptz), CAST(:end AS timestamptz) - interval '1 us',
                           CAST(:step AS interval)) AS at
""")


def main() -> None:
    """Make results, roll them up, and ask for quantiles."""
    parser = argparse.ArgumentParser(prog="make bench-metrics", description=main.__doc__)
    parser.add_argument("--results", type=int, default=10_000_000, help="how many results are made up")
    wanted = parser.parse_args().results
    notes = Console(stderr=True)
    with opened() as site:
        engine = connect(site.database_url)
        upgrade(engine)
        figures = _measure(engine, wanted, notes)
        engine.dispose()
    table = Table("figure", "found")
    for name, found in figures.items():
        table.add_row(name, f"{found:,}")
    Console().print(table)
    sys.stdout.write(json.dumps(figures) + "\n")


def _measure(engine: Engine, wanted: int, notes: Console) -> dict[str, float]:
    now = datetime.now(UTC)
    kept = Kept(minutes=timedelta(days=DAYS + 2))
    rolling = Rolling(
        Transactions(engine, RollingRows), DayTables(engine, "metric_minutes", "at"), kept, timedelta(days=DAYS + 1)
    )
    rolling.keep_tables(now)
    results = DayTables(engine, "results", "started_at")
    with engine.begin() as connection:
        checks = list(connection.execute(_CHECK, {"checks": CHECKS}).scalars())
    step = timedelta(days=DAYS) * CHECKS / wanted
    took = {"making": 0.0, "rolling": 0.0}
    begin = now - timedelta(days=DAYS)
    made = 0
    while begin < now:
        end = min(floor(begin, timedelta(days=1)) + timedelta(days=1), now)
        results.create(begin.date())
        took["making"] += _timed(partial(_make, engine, begin, end, step))
        count, seconds = _counted(lambda: rolling.roll(now))
        took["rolling"] += seconds
        made += count
        notes.print(f"{begin:%Y-%m-%d}: {made:,} results rolled up, {count / max(seconds, 0.001):,.0f} a second")
        begin = end
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    series = Series(engine, kept)
    month = now - timedelta(days=DAYS)
    return {
        "results": made,
        "results_made_per_s": round(made / took["making"]),
        "results_rolled_up_per_s": round(made / took["rolling"]),
        **_asked("p99_30d_one_check_ms", lambda: _p99(series, checks[:1], month, now)),
        **_asked("p99_30d_50_checks_ms", lambda: _p99(series, checks, month, now)),
        **_asked("uptime_30d_50_checks_ms", lambda: series.statuses(checks, month, now, now=now)),
        **_asked(
            "series_24h_in_5m_ms",
            lambda: series.read_series(
                checks[0], "response_time", now - timedelta(days=1), now, timedelta(minutes=5), now=now
            ),
        ),
        **_asked(
            "series_30d_in_1h_ms",
            lambda: series.read_series(checks[0], "response_time", month, now, timedelta(hours=1), now=now),
        ),
        **_sizes(engine),
    }


def _make(engine: Engine, begin: datetime, end: datetime, step: timedelta) -> None:
    """An hour in a commit."""
    while begin < end:
        until = min(begin + timedelta(hours=1), end)
        with engine.begin() as connection:
            connection.execute(_RESULTS, {"begin": begin, "end": until, "step": f"{step.total_seconds()} seconds"})
        begin = until


def _p99(series: Series, checks: list[UUID], begin: datetime, now: datetime) -> None:
    for sketch in series.summary(checks, "response_time", begin, now, now=now).values():
        sketch.quantile(0.99)


def _timed(work: Callable[[], object]) -> float:
    return _counted(work)[1]


def _counted(work: Callable[[], object]) -> tuple[int, float]:
    begun = time.perf_counter()
    found = work()
    return found if isinstance(found, int) else 0, time.perf_counter() - begun


def _asked(name: str, ask: Callable[[], object]) -> dict[str, float]:
    """The first time, which fills the caches of a connection, and the best, the middle and the worst after it."""
    times = [_timed(ask) * 1000 for _ in range(REPEATS + 1)]
    return {
        f"{name}_first": round(times[0], 1),
        f"{name}_best": round(min(times[1:]), 1),
        f"{name}_median": round(statistics.median(times[1:]), 1),
        f"{name}_worst": round(max(times[1:]), 1),
    }


def _sizes(engine: Engine) -> dict[str, float]:
    query = text("""
        SELECT sum(pg_total_relation_size(oid)) / 1048576 FROM pg_class
        WHERE relkind = 'r' AND (relname = :name OR relname LIKE :name || '_%')
    """)
    with engine.connect() as connection:
        return {
            f"{name}_MiB": round(float(connection.execute(query, {"name": name}).scalar() or 0))
            for name in ("results", "metric_minutes", "metric_hours", "metric_days")
        }


if __name__ == "__main__":
    main()
