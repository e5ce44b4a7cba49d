"""Queue checks: probes are handed to this process's event loop, and people's wish to probe now."""

from __future__ import annotations

from typing import Any

from healthmgr.domain.result import ProbeOrder
from workers.app import app
from workers.base import ServiceTask


@app.task(name="healthmgr.checks.probe", bind=True)
def probe(self: ServiceTask, orders: list[dict[str, Any]]) -> None:
    """Begin these probes. Acknowledged before they end: their leases find them again if this process dies."""
    self.process.probing.submit([ProbeOrder.from_wire(order) for order in orders])


@app.task(name="healthmgr.checks.run", bind=True)
def run(self: ServiceTask, slug: str, actor: str = "celery") -> None:
    """Order an ad-hoc probe of a check, for other services that reach the broker; its result answers the task."""
    self.process.answers.order(self.request.id, slug, actor, not self.request.ignore_result)


@app.task(name="checks.run_now", bind=True)
def run_now(self: ServiceTask, slug: str, actor: str = "celery") -> None:
    """The same under the name that other applications know."""
    self.process.answers.order(self.request.id, slug, actor, not self.request.ignore_result)


@app.task(name="healthmgr.checks.register_modules", bind=True)
def register_modules(self: ServiceTask) -> None:
    """Register the checks of the modules that this process was told of, once in its life."""
    self.process.register_modules(self.now)


@app.task(name="healthmgr.checks.second_opinion", bind=True)
def second_opinion(self: ServiceTask, order: dict[str, Any], reply_to: str) -> None:
    """Probe for a worker that doubts its own network, and answer it alone."""
    self.process.opinions.give(ProbeOrder.from_wire(order), reply_to)
