"""A real process that rolls up, killed again and again wherever it happens to be."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text

from tests.builders import make_check
from tests.measuring.making import NOW, Made, rolling, store

pytestmark = pytest.mark.processes

KILLS = 4
_PROGRAM = """
import sys
from datetime import datetime
from healthmgr.storage.database import connect
from tests.measuring.making import rolling

work = rolling(connect(sys.argv[1]))
print("ready", flush=True)
while True:
    work.roll(datetime.fromisoformat(sys.argv[2]), batch=15)
"""


def counted(engine: Engine) -> int:
    with engine.connect() as connection:
        query = "SELECT sum(amount) FROM metric_minutes m JOIN metric_series s ON s.id = m.series_id"
        return int(connection.execute(text(f"{query} WHERE s.metric = 'response_time'")).scalar() or 0)


def test_whoever_is_killed_while_rolling_up_loses_nothing_and_counts_nothing_twice(
    engine: Engine, database_url: str
) -> None:
    check_id, chance, stored = make_check(engine, "api"), random.Random(7), 0
    for _ in range(KILLS):
        process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, database_url, NOW.isoformat()], stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        ends_at = time.monotonic() + chance.uniform(0.1, 0.8)
        while time.monotonic() < ends_at:
            with engine.begin() as connection:
                made = [Made(NOW - timedelta(seconds=7 * (stored + n)), sequence=stored + n + 1) for n in range(10)]
                store(connection, check_id, *made)
            stored += 10
        process.kill()
        process.wait()
        process.stdout.close()
    before = counted(engine)
    rolling(engine).roll(NOW)
    rolling(engine).roll(NOW + timedelta(days=2))
    assert counted(engine) == stored
    assert before > 0, "it was killed while it worked"
    with engine.connect() as connection:
        for table in ("metric_hours", "metric_days"):
            query = f"SELECT sum(amount) FROM {table} r JOIN metric_series s ON s.id = r.series_id"
            found = connection.execute(text(f"{query} WHERE s.metric = 'response_time'")).scalar()
            assert found == stored
