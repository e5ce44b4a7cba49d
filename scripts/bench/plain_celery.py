"""What we compare ourselves with: bare Celery, and the design that one writes first.

The naive design: requests with keep-alive in threads, one evaluation task for each result, one row at a time.
"""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime
from typing import Any

import psycopg2
import requests
from celery import Celery

app = Celery("plain", broker=os.environ.get("REDIS_URL", ""))
app.conf.update(
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    task_default_queue="plain",
    task_routes={"plain.evaluate": {"queue": "plain-evaluation"}},
    worker_hijack_root_logger=False,
)
_own = threading.local()

TABLES = """
CREATE TABLE naive_states (
    check_id int PRIMARY KEY, status text NOT NULL, streak int NOT NULL, at timestamptz NOT NULL
);
CREATE TABLE naive_results (
    check_id int NOT NULL, started_at timestamptz NOT NULL, status text NOT NULL, message text NOT NULL,
    response_time double precision NOT NULL
);
"""


@app.task(name="plain.noop")
def noop() -> None:
    """Do nothing: what is left is Celery."""


@app.task(name="plain.check")
def check(check_id: int, url: str) -> None:
    """Probe, and send the result on as a task of its own."""
    if not hasattr(_own, "session"):
        _own.session = requests.Session()
    started = datetime.now(UTC)
    response = _own.session.get(url, timeout=10)
    took = (datetime.now(UTC) - started).total_seconds()
    status = "healthy" if response.status_code == 200 else "unhealthy"
    evaluate.delay(check_id, started.isoformat(), status, f"{response.status_code} {response.reason}", took)


@app.task(name="plain.evaluate")
def evaluate(check_id: int, started_at: str, status: str, message: str, took: float) -> None:
    """Judge and store one result, in a transaction of its own."""
    connection = _connection()
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT status, streak FROM naive_states WHERE check_id = %s FOR UPDATE", (check_id,))
        before = cursor.fetchone()
        streak = before[1] + 1 if before and before[0] == status else 1
        cursor.execute(
            "INSERT INTO naive_states VALUES (%s, %s, %s, %s) ON CONFLICT (check_id) DO UPDATE "
            "SET status = excluded.status, streak = excluded.streak, at = excluded.at",
            (check_id, status, streak, started_at),
        )
        cursor.execute(
            "INSERT INTO naive_results VALUES (%s, %s, %s, %s, %s)", (check_id, started_at, status, message, took)
        )


def _connection() -> Any:
    if not hasattr(_own, "connection"):
        _own.connection = psycopg2.connect(os.environ["DATABASE_URL"])
    return _own.connection
