"""What the OpenAPI document says beside what is read off the endpoints: of the whole, of parts, of errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi.routing import APIRoute

from healthmgr.api.problems import ProblemView

DESCRIPTION = """Checks, alerts and the people who are told.

Every request needs an access token, `Authorization: Bearer hm_...`, whose role decides what it may do:
**viewer** reads, **responder** also acts on alerts and checks, **admin** does everything,
**ingest** only brings pings and results.

Times are UTC in ISO 8601, lengths are seconds. Lists are paged: pass `next_cursor` back as `cursor` until it is null.
Errors are `application/problem+json`.

Requests are counted by the minute, as `RateLimit` tells (429 beyond that). A POST with an `Idempotency-Key` may be sent
again, and is done once. Every answer to a GET has an `ETag`: with `If-None-Match` it is sent again only when it is
another (304), and a change with `If-Match` is made only while the row is still the one that was read (412).
"""
TAGS: Sequence[dict[str, Any]] = [
    {"name": "status", "description": "The whole at a glance."},
    {"name": "checks", "description": "What is watched, and what was found."},
    {"name": "alerts", "description": "Open and past problems."},
    {"name": "incidents", "description": "What is going on: alerts that people are told of together."},
    {"name": "notifications", "description": "Who was told what, with every attempt."},
    {"name": "routes", "description": "Who is told of what, and who would be."},
    {"name": "channels", "description": "Over what people are reached, and whether that works."},
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
    {"name": "events", "description": "What happened, page by page or as it happens."},
    {"name": "webhooks", "description": "Programs that are told of events, for admins."},
    {"name": "doors", "description": "Alerts that other programs bring."},
    {"name": "pings", "description": "Signs of life for heartbeat checks."},
    {"name": "slos", "description": "Service levels, and what is left of their error budgets."},
    {"name": "announcements", "description": "What everybody is told on the status page."},
    {"name": "audit", "description": "Who did what, for admins."},
    {"name": "tokens", "description": "Access tokens, for admins."},
    {"name": "users", "description": "People who sign in by password, and their sessions, for admins."},
    {"name": "settings", "description": "What this installation was told, and what definitions can tell it."},
    {"name": "health", "description": "healthmgr's own health."},
]
_MEDIA_TYPE = "application/problem+json"
_PROBLEM: dict[str, Any] = {"content": {_MEDIA_TYPE: {}}, "model": ProblemView}
ERRORS: Mapping[int | str, dict[str, Any]] = {
    400: {**_PROBLEM, "description": "What was sent cannot be read."},
    401: {**_PROBLEM, "description": "No valid access token was sent."},
    403: {**_PROBLEM, "description": "The token's role is not enough."},
    404: {**_PROBLEM, "description": "There is no such thing."},
    409: {**_PROBLEM, "description": "This is not possible in the present state."},
    413: {**_PROBLEM, "description": "The body is larger than a mebibyte."},
    422: {**_PROBLEM, "description": "What was sent cannot be used; `problems` says why."},
    429: {**_PROBLEM, "description": "Too many requests with this token; `Retry-After` says when to come again."},
    503: {**_PROBLEM, "description": "The database does not answer."},
}


def name_of(route: APIRoute) -> str:
    """An operation's id, by which made clients call it: its function's name; of a bare verb also what it is about."""
    about = str(route.tags[0]) if route.tags else "health"
    if "_" in route.name or about == "health":
        return route.name
    return f"{route.name}_{about.removesuffix('s')}"


def problem_of(description: str) -> dict[str, Any]:
    """An error that not every operation has, as the document tells of it."""
    schema = {"$ref": f"#/components/schemas/{ProblemView.__name__}"}
    return {"description": description, "content": {_MEDIA_TYPE: {"schema": schema}}}


def as_problems(document: dict[str, Any]) -> dict[str, Any]:
    """The document, its problems being of their own media type alone: FastAPI also names that of the other answers."""
    for item in document["paths"].values():
        for operation in item.values():
            for answer in operation["responses"].values():
                content = answer.get("content", {})
                if _MEDIA_TYPE in content:
                    others = [content.pop(name) for name in list(content) if name != _MEDIA_TYPE]
                    content[_MEDIA_TYPE] = next((said for said in others if "schema" in said), content[_MEDIA_TYPE])
    return document
