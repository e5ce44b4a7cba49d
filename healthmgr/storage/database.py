"""The connection to PostgreSQL, its clock, and the migrations."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, make_url, text

MIGRATIONS = Path(__file__).parent / "migrations"
_SAMPLES = 4
_GOOD_ROUND_TRIP = 0.005  # seconds
_MIGRATION_LOCK = 0x6865616C  # "heal": any fixed number will do, as long as every healthmgr uses the same


def connect(url: str, *, pool_size: int = 5, application_name: str = "healthmgr") -> Engine:
    """An engine for a URL in any of the usual spellings (postgres://, postgresql://, postgresql+psycopg2://).

    Connections are tested before use, so that a restart of the server costs nobody a failed statement.
    """
    parsed = make_url(url)
    if parsed.drivername in ("postgres", "postgresql"):
        parsed = parsed.set(drivername="postgresql+psycopg2")
    return create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={
            "application_name": application_name,
            "connect_timeout": 5,
            "options": "-c timezone=UTC -c lock_timeout=30s -c idle_in_transaction_session_timeout=60s",
        },
    )


class DatabaseClock:
    """PostgreSQL's clock, carried forward by this process's monotonic one between samples.

    A sample is taken at most every `resample_after`; its error is half a round trip. When the server does
    not answer, the last sample is carried on, for a process's own wall clock is never asked.
    """

    def __init__(self, engine: Engine, resample_after: timedelta = timedelta(seconds=15)) -> None:
        self._engine = engine
        self._resample_after = resample_after.total_seconds()
        self._lock = threading.Lock()
        self._sampled_at: float | None = None
        self._sample = datetime.min.replace(tzinfo=UTC)

    def now(self) -> datetime:
        """This instant, aware and UTC. Raises SQLAlchemyError only while there has never been a sample."""
        with self._lock:
            tick = time.monotonic()
            if self._sampled_at is None or tick - self._sampled_at > self._resample_after:
                try:
                    self._take_sample()
                except Exception:
                    if self._sampled_at is None:
                        raise
            assert self._sampled_at is not None  # noqa: S101 - a sample was just taken or raised
            return self._sample + timedelta(seconds=time.monotonic() - self._sampled_at)

    def _take_sample(self) -> None:
        """The best of a few samples: under load one round trip may take long, and its error is half of it."""
        best = float("inf")
        with self._engine.connect() as connection:
            for _ in range(_SAMPLES):
                before = time.monotonic()
                sample = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
                after = time.monotonic()
                if after - before < best:
                    best = after - before
                    self._sample, self._sampled_at = sample.astimezone(UTC), (before + after) / 2
                if best < _GOOD_ROUND_TRIP:
                    return


def _alembic(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["engine"] = engine
    return config


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to a revision. Any number of processes may try at once: one works, the others wait."""
    with engine.connect() as guard:
        guard.execute(text("SELECT pg_advisory_lock(:key)"), {"key": _MIGRATION_LOCK})
        try:
            command.upgrade(_alembic(engine), revision)
        finally:
            guard.execute(text("SELECT pg_advisory_unlock(:key)"), {"key": _MIGRATION_LOCK})


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to a revision ("base" for an empty database)."""
    command.downgrade(_alembic(engine), revision)


def schema_revisions(engine: Engine) -> tuple[str | None, str | None]:
    """The revision the database is at, and the one this code wants."""
    with engine.connect() as connection:
        present = MigrationContext.configure(connection).get_current_revision()
    return present, ScriptDirectory.from_config(_alembic(engine)).get_current_head()
