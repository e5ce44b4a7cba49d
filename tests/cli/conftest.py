"""A terminal of its own for each test: an environment, a working folder, and the command line in this process."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from healthmgr.cli.main import app
from healthmgr.settings import Settings
from tests.builders import (
    make_alert,
    make_check,
    make_delivery,
    make_incident,
    make_notification,
    make_result,
    make_transition,
    make_well,
)

AWAY = "postgresql://nobody:hunter2@127.0.0.1:1/nowhere"


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document that it must be."""
        return json.loads(self.out)


class Terminal:
    """Runs commands as a person would type them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def set(self, **variables: str) -> None:
        """Set variables of the environment; an empty value unsets one."""
        for name, value in variables.items():
            if value:
                self._monkeypatch.setenv(name, value)
            else:
                self._monkeypatch.delenv(name, raising=False)

    def __call__(self, *words: str) -> Said:
        result = CliRunner().invoke(app, list(words))
        assert "Traceback" not in result.output, result.output
        return Said(result.exit_code, result.stdout, result.stderr)


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """A command sets up logging for its process, in which nothing was set up before: here that is given back."""
    root, ours = logging.getLogger(), logging.getLogger("healthmgr")
    handlers, level, own_level = root.handlers[:], root.level, ours.level
    ours.setLevel(logging.NOTSET)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    ours.setLevel(own_level)


@pytest.fixture
def bare_terminal(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    """A terminal in an empty folder, where nothing is set."""
    for field in Settings.model_fields.values():
        monkeypatch.setenv(str(field.alias), "")  # first set, so that what a command sets is taken back
        monkeypatch.delenv(str(field.alias))
        monkeypatch.delenv(f"{field.alias}_FILE", raising=False)
    for name in ("COLUMNS", "NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("USER", "bob")
    monkeypatch.setenv("LOGNAME", "bob")
    monkeypatch.chdir(tmp_path)
    return Terminal(monkeypatch)


@pytest.fixture
def terminal(bare_terminal: Terminal, engine: Engine, database_url: str, redis_url: str) -> Terminal:
    """A terminal with an installation: an empty database, Redis, a secret key."""
    bare_terminal.set(
        DATABASE_URL=database_url,
        REDIS_URL=redis_url,
        HEALTHMGR_SECRET_KEY="0123456789abcdef0123456789abcdef",
        HEALTHMGR_URL="https://health.example.com",
    )
    return bare_terminal


@dataclass(frozen=True)
class Trouble:
    """A critical check that has been down for a while, its alert and its incident."""

    now: datetime
    check_id: UUID
    alert_id: UUID
    incident_id: UUID


@pytest.fixture
def trouble(engine: Engine) -> Trouble:
    """`session-manager` is down and somebody was told; `database`, on which it depends, is well; all parts run."""
    now = datetime.now(UTC)
    make_check(
        engine,
        "database",
        last_result_at=now,
        since_at=now - timedelta(days=1),
        next_due_at=now + timedelta(minutes=10),
    )
    check_id = make_check(
        engine,
        "session-manager",
        status="unhealthy",
        severity="critical",
        attempt=3,
        last_message="connection refused by 127.0.0.1:8401",
        last_result_at=now,
        since_at=now - timedelta(minutes=5),
        last_response_time=6.2,
        last_metrics={"active_sessions": 3.0},
        thresholds={"warning": {"response_time": "> 1s"}, "critical": {"active_sessions": "< 5"}},
        depends_on=["database"],
        runbook_url="https://wiki.example.com/session-manager",
        labels={"team": "identity"},
    )
    incident_id = make_incident(engine, severity="critical", opened_at=now - timedelta(minutes=5))
    alert_id = make_alert(
        engine,
        check_id,
        incident_id=incident_id,
        severity="critical",
        summary="Session manager is unhealthy",
        opened_at=now - timedelta(minutes=5),
        updated_at=now,
    )
    notification_id = make_notification(engine, incident_id, severity="critical", created_at=now, sent_at=now)
    make_delivery(engine, notification_id, detail="250 OK")
    make_result(engine, check_id, started_at=now, sequence=7, status="unhealthy", message="connection refused")
    make_transition(engine, check_id, at=now)
    make_well(engine, at=now + timedelta(minutes=1))
    return Trouble(now, check_id, alert_id, incident_id)
