"""Asking a worker on another host what it sees, over the broker; answers come back through Redis."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import redis
import structlog
from celery import Celery
from celery.utils.nodenames import worker_direct

from healthmgr.bootstrap import Healthmgr
from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome, ProbeOrder, Result
from healthmgr.services.probing import Probing

log = structlog.get_logger(__name__)

ANSWER_WITHIN = timedelta(seconds=9)
ANSWERS_KEPT_FOR = timedelta(seconds=30)
HEARD_OF_WITHIN = timedelta(seconds=30)


class Opinions:
    """Both sides of a second opinion. Without Redis, or with all workers on one host, nobody can be asked."""

    def __init__(
        self, app: Celery, healthmgr: Healthmgr, hostname: Callable[[], str], probing: Callable[[], Probing]
    ) -> None:
        self._app = app
        self._healthmgr = healthmgr
        self._hostname = hostname
        self._probing = probing

    async def ask(self, order: ProbeOrder) -> Outcome | None:
        """What a worker on another host sees; None when nobody answered in time."""
        return await asyncio.to_thread(self._ask, order)

    def give(self, order: ProbeOrder, reply_to: str) -> None:
        """Probe and answer, on a thread of its own, for the queue must not wait for it."""
        threading.Thread(target=self._give, args=(order, reply_to), name="second-opinion", daemon=True).start()

    def _ask(self, order: ProbeOrder) -> Outcome | None:
        address = self._healthmgr.settings.redis_url
        other = self._another_worker()
        if not address or other is None:
            return None
        reply_to = f"healthmgr:opinion:{uuid4().hex}"
        self._app.send_task(
            "healthmgr.checks.second_opinion",
            (order.to_wire(), reply_to),
            queue=worker_direct(other),
            retry=False,
            expires=ANSWER_WITHIN.total_seconds(),
        )
        with redis.Redis.from_url(address) as client:
            answer: Any = client.blpop([reply_to], timeout=int(ANSWER_WITHIN.total_seconds()))
        if answer is None:
            log.warning("no_second_opinion", asked=other, check=order.slug)
            return None
        result = json.loads(answer[1])
        return Outcome(Status(result["status"]), result["message"])

    def _another_worker(self) -> str | None:
        host = self._hostname().partition("@")[2]
        return self._healthmgr.upkeep.worker_elsewhere("checks", host, self._healthmgr.now() - HEARD_OF_WITHIN)

    def _give(self, order: ProbeOrder, reply_to: str) -> None:
        result: Result | None = self._probing().answer(order)
        if result is None:
            return
        answer = json.dumps({"status": result.status.value, "message": result.message})
        with redis.Redis.from_url(self._healthmgr.settings.redis_url) as client:
            pipeline = client.pipeline()
            pipeline.rpush(reply_to, answer)
            pipeline.expire(reply_to, ANSWERS_KEPT_FOR)
            pipeline.execute()
