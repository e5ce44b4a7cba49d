"""What one worker process keeps: its services, its publisher, the probing loop and the lanes of its channels."""

from __future__ import annotations

import os
import socket
import threading
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

import structlog
from celery import Celery

from healthmgr.bootstrap import Healthmgr, build
from healthmgr.custom import module_names
from healthmgr.errors import DefinitionError
from healthmgr.services.doubting import Doubting
from healthmgr.services.probing import Probing
from healthmgr.settings import Settings
from workers.answering import Answers
from workers.aside import Aside
from workers.depths import queue_depths
from workers.lanes import Lanes
from workers.publishing import Publisher
from workers.queues import QUEUES
from workers.repairs import Repairs
from workers.second_opinion import Opinions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

log = structlog.get_logger(__name__)

CLOSE_WITHIN = timedelta(seconds=20)


class Process:
    """Everything is made when it is first asked for, and closed once when the worker stops."""

    def __init__(self, app: Celery) -> None:
        self._app = app
        self._lock = threading.RLock()
        self.hostname = ""
        self._registered_after: Mapping[str, datetime] | None = None
        self._closers: list[Callable[[], None]] = []

    @cached_property
    def name(self) -> str:
        """This process's name on results and the ledger."""
        return os.environ.get("HEALTHMGR_WORKER_NAME") or f"{socket.gethostname()}:{os.getpid()}"

    @cached_property
    def healthmgr(self) -> Healthmgr:
        """The services."""
        with self._lock:
            built = build(Settings.load(), worker=self.name)
            self._closers.insert(0, built.close)
            return built

    @cached_property
    def publisher(self) -> Publisher:
        """The way to the broker."""
        return Publisher(self._app)

    @cached_property
    def probing(self) -> Probing:
        """The event loop on which this process's probes run."""
        with self._lock:
            settings = self.healthmgr.settings
            probing = Probing(
                self.healthmgr.registry,
                self.healthmgr.clock,
                self.healthmgr.environ,
                self.publisher.results,
                worker=self.name,
                max_in_flight=settings.max_concurrent_checks,
                guard=Doubting(settings.canaries, self.opinions),
            )
            probing.start()
            self._closers.append(lambda: probing.close(CLOSE_WITHIN))
            return probing

    @cached_property
    def opinions(self) -> Opinions:
        """Asking another worker, and answering one that asks."""
        return Opinions(self._app, self.healthmgr, lambda: self.hostname, lambda: self.probing)

    @cached_property
    def answers(self) -> Answers:
        """Ad-hoc probes whose results somebody waits for."""
        with self._lock:
            answers = Answers(self._app, self.healthmgr)
            self._closers.append(answers.close)
            return answers

    @cached_property
    def lanes(self) -> Lanes:
        """The threads that send notifications, a few for each channel."""
        with self._lock:
            lanes = Lanes(self.healthmgr, self.publisher)
            self._closers.append(lambda: lanes.close(CLOSE_WITHIN))
            return lanes

    @cached_property
    def webhook_lanes(self) -> Lanes:
        """The threads that tell webhooks of events, a few for each of them."""
        with self._lock:
            lanes = Lanes(self.healthmgr, self.publisher, self.healthmgr.webhooks.relaying)
            self._closers.append(lambda: lanes.close(CLOSE_WITHIN))
            return lanes

    @cached_property
    def repairs(self) -> Repairs:
        """The threads that carry out steps of runbooks."""
        with self._lock:
            repairs = Repairs(self.healthmgr, self.publisher)
            self._closers.append(lambda: repairs.close(CLOSE_WITHIN))
            return repairs

    @cached_property
    def aside(self) -> Aside:
        """The threads of what may take long."""
        with self._lock:
            aside = Aside()
            self._closers.append(lambda: aside.close(CLOSE_WITHIN / 4))
            return aside

    @cached_property
    def modules(self) -> list[str]:
        """The modules with checks that this process was told of."""
        return module_names(self.healthmgr.settings.modules)

    def register_modules(self, now: datetime) -> None:
        """Register the checks of the modules in HEALTHMGR_MODULES and of installed packages, and give up others'.

        What is wrong is logged, and tried again the next time: a file may bring what a module depends on. Once
        registered, a module is so again only when the fleet gave it up meanwhile, taking this process for gone:
        of two versions of a module, the one whose worker began later holds.
        """
        registering = self.healthmgr.registering
        retired_at = registering.retired_at(self.modules)
        if retired_at != self._registered_after:
            try:
                registering.register_modules(self.modules, actor=self.name, origin="module", now=now)
                # Read before: what is given up while this registers is registered again.
                self._registered_after = retired_at
            except DefinitionError as error:
                log.error("modules_not_registered", error=str(error))
        self._retire_modules(now)

    def _retire_modules(self, now: datetime) -> None:
        try:
            for applied in self.healthmgr.registering.retire_unlisted(actor=self.name, now=now):
                log.warning("module_retired", source=applied.source, disabled=applied.disabled)
        except DefinitionError as error:
            log.error("module_not_retired", error=str(error))

    def queue_depths(self) -> Mapping[str, int]:
        """How many messages wait in each of our queues."""
        return queue_depths(self._app, QUEUES)

    def close(self) -> None:
        """Finish what is under way, then close the connections."""
        with self._lock:
            while self._closers:
                self._closers.pop()()
