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
    answers,
    approval_answers,
    approvals,
    audit,
    balancing,
    calendars,
    checks,
    command,
    graph,
    health,
    incidents,
    insight,
    interactions,
    maintenance,
    measuring,
    metrics,
    metrics_watched,
    oncall,
    promises,
    public,
    recovery,
    runbooks,
    runs,
    silences,
    status,
    swap_answers,
    tokens,
    users,
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
from healthmgr.api.limits import BoundedRequest, CarefulHeaders
from healthmgr.api.parts import Parts
from healthmgr.api.pings import PingDoor
from healthmgr.api.problems import ProblemView, Unforeseen, add_problem_handlers
from healthmgr.domain.balancing import Key, Seen
from healthmgr.rates import TokenBuckets

_DESCRIPTION = """
Checks, alerts and the people who are told.

Every request needs an access token, `Authorization: Bearer hm_...`, whose role decides what it may do:
**viewer** reads, **responder** also acts on alerts and checks, **admin** does everything,
**ingest** only brings pings and results.

Times are UTC in ISO 8601, lengths are seconds. Lists are paged: pass `next_cursor` back as `cursor` until it is null.
Errors are `application/problem+json`.
"""
_TAGS = [
    {"name": "status", "description": "The whole at a glance."},
    {"name": "checks", "description": "What is watched, and what was found."},
    {"name": "alerts", "description": "Open and past problems."},
    {"name": "incidents", "description": "What is going on: alerts that people are told of together."},
    {"name": "notifications", "description": "Who was told what, with every attempt."},
    {"name": "silences", "description": "What people want to be quiet for a while."},
    {"name": "maintenance", "description": "When work is planned, and alerts are held back meanwhile."},
    {"name": "runbooks", "description": "Recovery procedures: what repairs what, and what a run of one would do."},
    {"name": "runs", "description": "What runbooks did, do, and wait for."},
    {"name": "approvals", "description": "What runbooks ask before they go on."},
    {"name": "recovery", "description": "What keeps runbooks from running, and how much mends itself."},
    {"name": "oncall", "description": "Who is on call, who would be told, and contacts that work."},
    {"name": "balancing", "description": "Which instances of services are given work."},
    {"name": "graph", "description": "Who hangs on whom, and what falls with what."},
    {"name": "changes", "description": "Deployments and other changes, for what breaks soon after."},
    {"name": "doors", "description": "Alerts that other programs bring."},
    {"name": "pings", "description": "Signs of life for heartbeat checks."},
    {"name": "slos", "description": "Service levels, and what is left of their error budgets."},
    {"name": "announcements", "description": "What everybody is told on the status page."},
    {"name": "audit", "description": "Who did what, for admins."},
    {"name": "tokens", "description": "Access tokens, for admins."},
    {"name": "users", "description": "People who sign in by password, and their sessions, for admins."},
    {"name": "health", "description": "healthmgr's own health."},
]
_PROBLEM: dict[str, Any] = {"content": {"application/problem+json": {}}, "model": ProblemView}
_ERRORS: dict[int | str, dict[str, Any]] = {
    401: {**_PROBLEM, "description": "No valid access token was sent."},
    403: {**_PROBLEM, "description": "The token's role is not enough."},
    404: {**_PROBLEM, "description": "There is no such thing."},
    409: {**_PROBLEM, "description": "This is not possible in the present state."},
    422: {**_PROBLEM, "description": "What was sent cannot be used; `problems` says why."},
    503: {**_PROBLEM, "description": "The database does not answer."},
}


def create_app(parts: Parts) -> FastAPI:
    """The API, the ping door, the health endpoints, metrics and the page, ready to be served.

    The interactive documentation pages of FastAPI load their scripts from elsewhere, and are left out.
    """
    app = FastAPI(
        title="healthmgr",
        version=__version__,
        description=_DESCRIPTION.strip(),
        openapi_url="/api/v1/openapi.json",
        openapi_tags=_TAGS,
        docs_url=None,
        redoc_url=None,
    )
    app.state.parts = parts
    app.state.door_rates = TokenBuckets()
    app.state.public_keeper = public.Keeper()
    app.state.balancer_answers = BalancerAnswers(partial(_look_at_instances, app))
    api = APIRouter(prefix="/api/v1", responses=_ERRORS)
    for module in (
        status, checks, alerts, incidents, command, silences, maintenance, oncall, tokens, audit,
        interactions, events, webhook,
    ):  # fmt: skip
        api.include_router(module.router)
    for router in (announcements.router, users.router, users.session_router):
        api.include_router(router)
    for module in (balancing, runbooks, runs, approvals, recovery):
        api.include_router(module.router)
    for module in (promises, graph, insight, measuring):
        api.include_router(module.router)
    app.include_router(api)
    app.include_router(balancing.door)
    for module in (health, metrics, metrics_watched, answers, approval_answers, calendars, swap_answers, public):
        app.include_router(module.router)
    _open_doors(app)
    add_problem_handlers(app)
    app.add_middleware(Unforeseen)
    app.add_middleware(GZipMiddleware, minimum_size=2048, compresslevel=4)
    app.add_middleware(PingDoor)
    app.add_middleware(balancing.BalancerDoor, answers=app.state.balancer_answers)
    app.add_middleware(BoundedRequest)
    app.add_middleware(CarefulHeaders)
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
