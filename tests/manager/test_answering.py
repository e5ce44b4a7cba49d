"""Ad-hoc probes by task: any Celery application may order one by name, and wait for its result."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from celery import Celery
from sqlalchemy import Engine, text

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.settings import Settings
from tests.builders import make_check
from tests.manager.conftest import Fleet
from workers import answering
from workers.answering import Answers
from workers.app import app as ours

# Celery warns of every task that names its queue where it is defined, and its backend calls what redis-py deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore::celery.exceptions.CDeprecationWarning"),
    pytest.mark.filterwarnings("ignore:Call to deprecated setex"),
]


@pytest.fixture
def theirs(redis_url: str) -> Iterator[Celery]:
    """Another application, which knows nothing but the names of the tasks and where results are."""
    app = Celery("theirs", broker=redis_url, backend=redis_url)
    yield app
    app.backend.client.close()
    app.close()


@pytest.fixture
def answers(healthmgr: Healthmgr, theirs: Celery) -> Iterator[Answers]:
    answers = Answers(theirs, healthmgr)
    yield answers
    answers.close()


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_both_names_are_known() -> None:
    ours.loader.import_default_modules()
    assert {"checks.run_now", "healthmgr.checks.run"} <= set(ours.tasks)


def test_whoever_waits_for_the_task_gets_the_result(
    engine: Engine, healthmgr: Healthmgr, answers: Answers, theirs: Celery
) -> None:
    make_check(engine, "shop", next_due_at=later())
    task_id = str(uuid4())
    answers.order(task_id, "shop", "theirs", True)
    with Fleet(healthmgr, Status.DEGRADED):
        result = theirs.AsyncResult(task_id).get(timeout=10)
    assert (result["status"], result["message"], result["metrics"]["n"]) == ("degraded", "found", 1.0)
    with engine.connect() as connection:
        actor = connection.execute(text("SELECT actor FROM audit_entries WHERE action = 'check.run'")).scalar_one()
    assert actor == "theirs"


def test_many_wait_at_once(engine: Engine, healthmgr: Healthmgr, answers: Answers, theirs: Celery) -> None:
    slugs = [f"shop-{number}" for number in range(10)]
    tasks = {}
    for slug in slugs:
        make_check(engine, slug, next_due_at=later())
        tasks[slug] = str(uuid4())
        answers.order(tasks[slug], slug, "theirs", True)
    with Fleet(healthmgr):
        found = [theirs.AsyncResult(task_id).get(timeout=10)["status"] for task_id in tasks.values()]
    assert found == ["healthy"] * 10


@pytest.mark.parametrize(("over", "said"), [({}, "There is no check 'shops'"), ({"is_paused": True}, "paused")])
def test_a_wrong_order_fails_where_it_is_waited_for(
    engine: Engine, answers: Answers, theirs: Celery, over: dict[str, bool], said: str
) -> None:
    make_check(engine, "shop", **over)
    task_id = str(uuid4())
    answers.order(task_id, "shop" if over else "shops", "theirs", True)
    with pytest.raises(Exception, match=said):
        theirs.AsyncResult(task_id).get(timeout=5)


def test_what_nobody_carries_out_is_said_in_the_end(
    engine: Engine, answers: Answers, theirs: Celery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "PATIENCE", timedelta(seconds=0.2))
    make_check(engine, "shop", next_due_at=later())
    task_id = str(uuid4())
    answers.order(task_id, "shop", "theirs", True)
    with pytest.raises(Exception, match="the order stands"):
        theirs.AsyncResult(task_id).get(timeout=5)


def test_who_does_not_wait_leaves_nothing_behind(
    engine: Engine, healthmgr: Healthmgr, settings: Settings, answers: Answers, theirs: Celery
) -> None:
    make_check(engine, "shop", next_due_at=later())
    answers.order("unwatched", "shop", "theirs", False)
    with Fleet(healthmgr):
        assert healthmgr.executing.wait(
            healthmgr.executing.order("shop", actor="x", origin="test", now=healthmgr.now()), timedelta(seconds=5)
        )
    assert theirs.backend.client.keys("*unwatched*") == []
