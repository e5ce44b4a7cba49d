"""The base of every task: a way to this process's services, the clock and the publisher."""

from __future__ import annotations

from datetime import datetime

from celery import Task

from healthmgr.bootstrap import Healthmgr
from healthmgr.errors import Unavailable
from workers.process import Process
from workers.publishing import Publisher


class ServiceTask(Task):
    """A task body parses, calls one service and forwards ids; this gives it what it needs for that.

    A task that finds the database away fails without a traceback: the row that it was about is found again.
    """

    abstract = True
    throws = (Unavailable,)

    @property
    def process(self) -> Process:
        """What this worker process keeps."""
        process: Process = self.app.process
        return process

    @property
    def healthmgr(self) -> Healthmgr:
        """The services."""
        return self.process.healthmgr

    @property
    def publisher(self) -> Publisher:
        """The way to the broker."""
        return self.process.publisher

    @property
    def now(self) -> datetime:
        """This instant by the database's clock."""
        return self.healthmgr.now()
