"""A small Celery application for a real worker to run: `REDIS_URL` names its broker."""

from __future__ import annotations

import os
import time

from celery import Celery

app = Celery("shop", broker=os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(
    worker_pool_restarts=True, worker_prefetch_multiplier=1, task_ignore_result=True, worker_hijack_root_logger=False
)


@app.task(name="shop.count")
def count(seconds: float) -> None:
    """Take so long."""
    time.sleep(seconds)
