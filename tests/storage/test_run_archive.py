"""Runs that ended long ago are forgotten with all that hangs on them; no others are."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert, select

from healthmgr.services import forgetting
from healthmgr.services.forgetting import Forgetting
from healthmgr.storage.run_archive import RunArchiveRows
from healthmgr.storage.tables import run_entries, runs
from tests.builders import NOW, make_alert, make_check, new_id
from tests.storage.test_promises import make_run

YEAR = timedelta(days=365)


def numbers(engine: Engine) -> list[int]:
    with engine.connect() as connection:
        return list(connection.execute(select(runs.c.number).order_by(runs.c.number)).scalars())


def note(engine: Engine) -> None:
    """Every run has something that happened to it."""
    with engine.begin() as connection:
        found: list[UUID] = list(connection.execute(select(runs.c.id)).scalars())
        entries = [{"id": new_id(), "run_id": run_id, "at": NOW, "kind": "run_ended"} for run_id in found]
        connection.execute(insert(run_entries), entries)


def test_what_ended_before_it_has_to_be_kept_is_forgotten_in_batches(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "BATCH", 2)
    alert = make_alert(engine, make_check(engine, "api"))
    for days in (366, 367, 368, 400, 401):
        make_run(engine, alert, state="failed", ended_at=NOW - timedelta(days=days))
    make_run(engine, alert, ended_at=NOW - timedelta(days=364))
    make_run(engine, alert, ended_at=None, state="running", created_at=NOW - 2 * YEAR)
    note(engine)
    archive = Forgetting(RunArchiveRows(engine), YEAR)
    assert archive.forget_runs(NOW) == 5
    assert numbers(engine) == [6, 7]
    with engine.connect() as connection:
        assert len(connection.execute(select(run_entries.c.id)).all()) == 2
    assert archive.forget_runs(NOW) == 0
