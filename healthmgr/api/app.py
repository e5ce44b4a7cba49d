"""The application: routers, doors and errors on top of a built healthmgr."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from fastapi import APIRouter, FastAPI
from starlette.middleware.gzip import GZipMiddleware

from healthmgr import __version__
from healthmgr.api import (
    alerts,
    announcements,
    anomalies,
    answers,
    approval_answers,
    approvals,
    audit,
    balancing,
    board,
    calendars,
    channels,
    checks,
    command,
    graph,
    health,
    incidents,
    insight,
    installation,
    interactions,
    maintenance,
    measuring,
    metrics,
    metrics_watched,
    oncall,
    people,
    promises,
    public,
    recovery,
    routes,
    runbooks,
    runs,
    silences,
    status,
    stream,
    swap_answers,
    tokens,
    users,
    webhooks,
)
from healthmgr.api.balancer_answers import BalancerAnswers
from healthmgr.api.doors import (
    alertmanager,
    alertmanager_general,
    alertmanager_silences,
    events,
    goalert,
    pagerduty,
    webhook,
)
from healthmgr.api.doors import oncall as oncall_door
from healthmgr.api.etags import ETags
from healthmgr.api.examples import with_examples
from healthmgr.api.idempotency import KeptAnswers, add_replays
from healthmgr.api.limits import BoundedRequest, CarefulHeaders
from healthmgr.api.openapi import DESCRIPTION, ERRORS, TAGS, as_problems, name_of
from healthmgr.api.openapi_headers import with_headers
from healthmgr.api.parts import Parts
from healthmgr.api.pings import PingDoor
from healthmgr.api.problems import Unforeseen, add_problem_handlers
from healthmgr.api.stream_feed import EventFeed
from healthmgr.domain.balancing import Key, Seen
from healthmgr.rates import TokenBuckets
from healthmgr.storage.shared_buckets import SharedBuckets


def create_app(parts: Parts) -> FastAPI:
    """The API, the ping door, the health endpoints, metrics and the page, ready to be served.

    The interactive documentation pages of FastAPI load their scripts from elsewhere, and are left out.
    """
    app = _described()
    app.state.parts = parts
    app.state.door_rates = TokenBuckets()
    app.state.budgets = SharedBuckets(parts.settings.redis_url, parts.settings.quotas)
    app.state.event_feed = EventFeed(lambda: app.state.parts.event_reading)
    app.state.public_keeper = public.Keeper()
    app.state.balancer_answers = BalancerAnswers(partial(_look_at_instances, app))
    add_problem_handlers(app)
    add_replays(app)
    app.add_middleware(Unforeseen)
    app.add_middleware(KeptAnswers)
    app.add_middleware(ETags)
    app.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=4)
    app.add_middleware(PingDoor)
    app.add_middleware(balancing.BalancerDoor, answers=app.state.balancer_answers)
    app.add_middleware(BoundedRequest)
    app.add_middleware(CarefulHeaders)
    return app


def document() -> dict[str, Any]:
    """The OpenAPI document, for which nothing has to run."""
    return _described().openapi()


class _Described(FastAPI):
    """An application whose document tells of errors as they are sent."""

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = with_examples(with_headers(as_problems(super().openapi())))
        return self.openapi_schema


def _described() -> FastAPI:
    """All addresses, without what they are built on."""
    app = _Described(
        title="healthmgr",
        version=__version__,
        description=DESCRIPTION,
        openapi_url="/api/v1/openapi.json",
        openapi_tags=list(TAGS),
        generate_unique_id_function=name_of,
        docs_url=None,
        redoc_url=None,
    )
    api = APIRouter(prefix="/api/v1", responses=dict(ERRORS))
    for module in (
        status, checks, alerts, incidents, command, silences, maintenance, oncall, tokens, audit,
        interactions, events, webhook,
    ):  # fmt: skip
        api.include_router(module.router)
    for router in (announcements.router, users.router, users.session_router):
        api.include_router(router)
    for module in (routes, channels, people, board, installation):
        api.include_router(module.router)
    for module in (balancing, runbooks, runs, approvals, recovery):
        api.include_router(module.router)
    for module in (promises, graph, insight, anomalies, measuring, stream, webhooks):
        api.include_router(module.router)
    app.include_router(api)
    for module in (metrics, metrics_watched):
        app.include_router(module.router, responses=dict(ERRORS))
    app.include_router(balancing.door, responses=dict(ERRORS))
    for module in (health, answers, approval_answers, calendars, swap_answers, public):
        app.include_router(module.router)
    _open_doors(app)
    return app


def _look_at_instances(app: FastAPI) -> Mapping[Key, Seen]:
    parts: Parts = app.state.parts
    return parts.balancing.view(parts.clock.now())


def _open_doors(app: FastAPI) -> None:
    """What others know under addresses of their own; Alertmanager's also below the prefix that it is often given."""
    for prefix in ("", "/alertmanager"):
        for module in (alertmanager, alertmanager_silences, alertmanager_general):
            app.include_router(module.router, prefix=f"{prefix}/api/v2", include_in_schema=False)
        app.include_router(alertmanager_general.health, prefix=prefix, include_in_schema=False)
    for module in (pagerduty, goalert, oncall_door):
        app.include_router(module.router, include_in_schema=False)
