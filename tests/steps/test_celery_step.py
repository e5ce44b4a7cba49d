"""The step `celery` against a real broker and a real worker of somebody's application."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery
from pydantic import ValidationError

from healthmgr.errors import StepError
from tests.steps.conftest import until

pytestmark = pytest.mark.processes


@pytest.fixture
def application(redis_url: str) -> Iterator[Celery]:
    with Celery("shop", broker=redis_url) as application:
        yield application


@pytest.fixture
def worker(redis_url: str, application: Celery, tmp_path: Path) -> Iterator[str]:
    """The name of a worker with two processes."""
    command = [sys.executable, "-m", "celery", "-q", "-A", "tests.steps.celery_application", "worker"]
    with (tmp_path / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-P", "prefork", "-c", "2", "-n", "shop@here", "--without-mingle", "--without-gossip"],
            env={**os.environ, "REDIS_URL": redis_url},
            cwd=Path(__file__).parents[2],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    assert until(lambda: bool(application.control.ping(timeout=0.5)), within=40), (tmp_path / "worker.log").read_text()
    yield "shop@here"
    for each in [*psutil.Process(process.pid).children(recursive=True), process]:
        each.kill()
    process.wait(10)


def waiting(application: Celery, queue: str) -> int:
    with application.connection_for_write() as connection:
        return int(connection.default_channel.client.llen(queue))


def active(application: Celery) -> list[dict[str, Any]]:
    return [task for tasks in (application.control.inspect(timeout=0.5).active() or {}).values() for task in tasks]


def processes(application: Celery, worker: str) -> int:
    stats = application.control.inspect(timeout=0.5).stats() or {}
    return len(stats[worker]["pool"]["processes"]) if worker in stats else 0


@pytest.mark.parametrize(("most", "is_purged"), [(2, False), (3, True)])
def test_a_queue_is_purged_unless_that_were_too_much(run, application, redis_url, most, is_purged):
    for _ in range(3):
        application.send_task("shop.count", args=[1], queue="mail")
    config = {"action": "purge", "broker_url": redis_url, "queue": "mail", "most": most}
    if is_purged:
        assert run("celery", config).facts == {"messages": 3}
        assert waiting(application, "mail") == 0
        assert run("celery", config).facts == {"messages": 0}
        return
    with pytest.raises(StepError, match="mail holds 3 messages, and at most 2") as caught:
        run("celery", config)
    assert caught.value.permanent
    assert waiting(application, "mail") == 3


def test_a_worker_does_what_it_is_told(run, application, worker, redis_url):
    base = {"broker_url": redis_url, "listen": "500ms"}
    told = {"action": "pool_grow", "by": 2, "workers": [worker], **base}
    assert run("celery", told).facts == {"workers": [worker]}
    assert until(lambda: processes(application, worker) == 4)
    run("celery", {"action": "pool_shrink", "by": 1, **base})
    assert until(lambda: processes(application, worker) == 3)
    run("celery", {"action": "pool_restart", **base})
    assert until(lambda: bool(application.control.ping(timeout=0.5)))
    with pytest.raises(StepError, match=r"autoscale was refused by shop@here.*[Aa]utoscal") as caught:
        run("celery", {"action": "autoscale", "most_processes": 4, "fewest_processes": 1, **base})
    assert caught.value.permanent
    with pytest.raises(StepError, match="no answer from other@there") as caught:
        run("celery", {**told, "workers": [worker, "other@there"]})
    assert caught.value.is_timeout


def test_tasks_are_revoked_by_their_name_and_age_or_by_their_ids(run, application, worker, redis_url):
    base = {"action": "revoke", "broker_url": redis_url, "listen": "500ms"}
    sent = [application.send_task("shop.count", args=[60]).id for _ in range(2)]
    assert until(lambda: {task["id"] for task in active(application)} == set(sent))
    young = run("celery", {**base, "task": "shop.count", "older_than": "1h", "terminate": True})
    assert young.facts == {"tasks": 0}
    assert run("celery", {**base, "task": "shop.other"}).facts == {"tasks": 0}
    config = {**base, "task": "shop.count", "older_than": "100ms", "terminate": True}
    assert run("celery", config).facts == {"workers": [worker], "tasks": 2}
    assert until(lambda: not active(application), within=20)
    by_id = run("celery", {**base, "task_ids": ["no-such-task"]})
    assert by_id.facts == {"workers": [worker], "tasks": 1}


def test_where_no_worker_answers_that_is_no_success(run, redis_url):
    config = {"action": "pool_restart", "broker_url": redis_url, "listen": "200ms"}
    with pytest.raises(StepError, match="0 workers answered, so what they did is unknown") as caught:
        run("celery", config)
    assert caught.value.is_timeout


@pytest.mark.parametrize(
    "wrong",
    [
        {"action": "revoke"},
        {"action": "revoke", "task": "x", "task_ids": ["y"]},
        {"action": "revoke", "task_ids": ["y"], "older_than": "1m"},
        {"action": "purge", "queue": "mail"},
        {"action": "purge", "most": 3},
        {"action": "autoscale", "most_processes": 3},
        {"action": "shutdown"},
    ],
)
def test_what_an_action_needs_has_to_be_said(registry, wrong):
    with pytest.raises(ValidationError):
        registry.step_type("celery").Config(broker_url="redis://x/0", **wrong)
