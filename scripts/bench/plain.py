"""Measuring bare Celery and the naive design: two workers each, fed so that they never wait."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice
from typing import Any

import redis
from celery import Celery
from sqlalchemy import Engine, text

from healthmgr.storage.database import connect
from scripts.bench.plain_celery import TABLES
from scripts.bench.site import Running, Site, running

_APP = ("-A", "scripts.bench.plain_celery")
_QUIET = ("--without-mingle", "--without-gossip", "-l", "error")
_CHECKS = 500
_BATCH = 1000
# More than two workers manage in a second on any machine so far, so that they never wait.
_MOST_NOOPS, _MOST_NAIVE = 5000, 1500


def celery_noop(site: Site, warm: float, seconds: float) -> float:
    """No-op tasks a second: two solo workers, all as Celery comes."""
    commands = [(*_APP, "worker", "-P", "solo", "-Q", "plain", "-n", f"noop{n}@%h", *_QUIET) for n in range(2)]
    stock = int(_MOST_NOOPS * (warm + seconds))
    with _stocked(site, [("plain.noop", ())], stock), site.redis() as client, running(site, commands) as workers:
        time.sleep(warm)
        waiting, started = client.llen("plain"), time.monotonic()
        time.sleep(seconds)
        left, took = client.llen("plain"), time.monotonic() - started
        workers.seconds()  # which sees that none has died
    _see_that_some_are_left(left)
    return float(waiting - left) / took


def naive(site: Site, warm: float, seconds: float) -> tuple[float, float]:
    """Checks stored a second, and CPU milliseconds for each: two workers of 16 threads each."""
    options = ("-P", "threads", "-c", "16", "-Q", "plain,plain-evaluation")
    commands = [(*_APP, "worker", *options, "-n", f"naive{n}@%h", *_QUIET) for n in range(2)]
    url = f"http://127.0.0.1:{site.target_port}"
    orders = [("plain.check", (n, f"{url}/{n}")) for n in range(_CHECKS)]
    engine = connect(site.database_url)
    try:
        with engine.begin() as connection:
            connection.execute(text(TABLES))
        stock = int(_MOST_NAIVE * (warm + seconds))
        with _stocked(site, orders, stock) as client, running(site, commands) as workers:
            time.sleep(warm)
            measured = _measured(workers, engine, seconds)
            _see_that_some_are_left(client.llen("plain"))
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE naive_states, naive_results"))
        return measured
    finally:
        engine.dispose()


def _see_that_some_are_left(left: int) -> None:
    if not left:
        raise RuntimeError("the tasks ran out before the time was up: this machine is faster than the bench expects")


def _measured(workers: Running, engine: Engine, seconds: float) -> tuple[float, float]:
    stored, cost, started = _stored(engine), workers.seconds(), time.monotonic()
    time.sleep(seconds)
    count, took, spent = _stored(engine) - stored, time.monotonic() - started, workers.seconds() - cost
    return count / took, 1000 * spent / max(count, 1)


def _stored(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM naive_results")).scalar_one())


@contextmanager
def _stocked(site: Site, orders: Sequence[tuple[str, Sequence[Any]]], count: int) -> Iterator[redis.Redis]:
    """Have so many tasks wait in queue plain: these, over and over, each copy a message of its own.

    All are there before anything is measured: publishing one by one would cost what is to be measured.
    """
    with Celery("stocking", broker=site.redis_url) as app, site.redis() as client:
        for name, args in orders:
            app.send_task(name, args, queue="plain")
        patterns = [(message, _tag(message)) for message in client.lrange("plain", 0, -1)]
        client.delete("plain")
        for start in range(0, count, _BATCH):
            batch = islice(cycle(patterns), start % len(patterns), start % len(patterns) + min(_BATCH, count - start))
            client.lpush("plain", *(message.replace(tag, str(uuid.uuid4()).encode()) for message, tag in batch))
        try:
            yield client
        finally:
            client.flushdb()


def _tag(message: bytes) -> bytes:
    """By which the broker knows a message; the task's own id may be the same as another's."""
    return str(json.loads(message)["properties"]["delivery_tag"]).encode()
