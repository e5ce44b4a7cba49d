"""Results for those who sent an ad-hoc probe as a Celery task and wait for it."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any

import structlog
from celery import Celery, states
from celery.backends.redis import RedisBackend

from healthmgr.bootstrap import Healthmgr
from healthmgr.errors import HealthmgrError, Unavailable
from healthmgr.services.executing import LOOK_EVERY, Ordered, too_late

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=120)
ANSWERS_KEPT_FOR = timedelta(hours=1)


class Answers:
    """Stores results as a Celery result backend on REDIS_URL does, once they are there.

    The task itself has ended long before, for the queue must not wait for a probe: one thread looks for the
    results of all of them. No other task keeps a result, so the backend is no part of the app.
    """

    def __init__(self, app: Celery, healthmgr: Healthmgr) -> None:
        self._app = app
        self._healthmgr = healthmgr
        self._waiting: dict[str, tuple[Ordered, float]] = {}
        self._changed = threading.Condition()
        self._is_closing = False
        self._thread: threading.Thread | None = None
        self._backend: Any = None

    def order(self, task_id: str, slug: str, actor: str, is_waited_for: bool) -> None:
        """Order a probe, and have its result stored for the task. Raises Unavailable; a wrong slug is the result."""
        is_waited_for = is_waited_for and bool(self._healthmgr.settings.redis_url)
        try:
            ordered = self._healthmgr.executing.order(slug, actor=actor, origin="celery", now=self._healthmgr.now())
        except Unavailable:
            raise
        except HealthmgrError as error:
            log.warning("ad_hoc_probe_refused", check=slug, actor=actor, error=str(error))
            if is_waited_for:
                self._store(task_id, error, states.FAILURE)
            return
        if is_waited_for:
            self._wait_for(task_id, ordered)

    def close(self) -> None:
        """Stop looking; what is waited for stays unanswered, its order stands."""
        with self._changed:
            self._is_closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join(5.0)
        if self._backend is not None:
            self._backend.client.close()

    def _wait_for(self, task_id: str, ordered: Ordered) -> None:
        with self._changed:
            self._waiting[task_id] = (ordered, time.monotonic() + PATIENCE.total_seconds())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="answers", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._is_closing)
                self._changed.wait_for(lambda: self._is_closing, timeout=LOOK_EVERY)
                if self._is_closing:
                    return
                waiting = dict(self._waiting)
            try:
                self._answer(waiting)
            except Exception:
                log.exception("answers_not_given", waiting=len(waiting))
                self._forget_the_late(waiting)

    def _answer(self, waiting: dict[str, tuple[Ordered, float]]) -> None:
        found = self._healthmgr.executing.answers(list({ordered for ordered, _ in waiting.values()}))
        for task_id, (ordered, ends_at) in waiting.items():
            if ordered in found:
                self._store(task_id, found[ordered].model_dump(mode="json"), states.SUCCESS)
            elif time.monotonic() > ends_at:
                self._store(task_id, too_late(ordered, PATIENCE), states.FAILURE)
            else:
                continue
            self._waiting.pop(task_id, None)

    def _forget_the_late(self, waiting: dict[str, tuple[Ordered, float]]) -> None:
        for task_id, (_, ends_at) in waiting.items():
            if time.monotonic() > ends_at:
                self._waiting.pop(task_id, None)

    def _store(self, task_id: str, result: Any, state: str) -> None:
        if self._backend is None:
            self._backend = RedisBackend(
                app=self._app, url=self._healthmgr.settings.redis_url, expires=ANSWERS_KEPT_FOR
            )
        self._backend.store_result(task_id, result, state)
