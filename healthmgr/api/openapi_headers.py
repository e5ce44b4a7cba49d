"""What the OpenAPI document says of headers: budgets of requests, keys of repeated ones, ETags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from healthmgr.api.idempotency import HEADER, REPLAYED
from healthmgr.api.openapi import problem_of
from healthmgr.services.repeating import MOST_KEY

_PREFIX = "/api/v1/"
_ALL_BY_TOKEN: list[dict[str, list[str]]] = [{"token": []}]  # what doors let in by other ways as well knows no keys
_TEXT = {"type": "string"}
_HEADERS: dict[str, Any] = {
    "RateLimit": {
        "description": "What is left of the budget of requests, and in how many seconds all of it is there again.",
        "schema": _TEXT,
        "example": '"viewer";r=1187;t=1',
    },
    "RateLimit-Policy": {
        "description": "The budget: so many requests in so many seconds.",
        "schema": _TEXT,
        "example": '"viewer";q=1200;w=60',
    },
    "Retry-After": {"description": "In how many seconds to come again.", "schema": {"type": "integer"}, "example": 3},
    "ETag": {
        "description": "Names what is answered: for `If-None-Match`, and where a change knows it, for `If-Match`.",
        "schema": _TEXT,
        "example": '"5f1d7c0a9b3e4d2c8a6b7e90"',
    },
    REPLAYED: {
        "description": f"`true`: this was carried out when its `{HEADER}` came first, and this is the answer of then.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
_PARAMETERS: dict[str, Any] = {
    HEADER: {
        "name": HEADER,
        "in": "header",
        "description": "A key of yours for this one thing to be done, such as a UUID: sent again within 24 hours, it "
        "is answered as the first time, and not done again.",
        "schema": {"type": "string", "minLength": 1, "maxLength": MOST_KEY, "pattern": "^[!-~]+$"},
        "example": "0190b5a1-0000-7000-8000-000000000001",
    },
    "If-None-Match": {
        "name": "If-None-Match",
        "in": "header",
        "description": "The `ETag` of what you have: 304 while that is what would be answered.",
        "schema": {"type": "string", "pattern": "^[ -~]*$"},
        "example": '"5f1d7c0a9b3e4d2c8a6b7e90"',
    },
}
_KNOWN = {"description": "What you have (`If-None-Match`) is what would be answered."}
_STALE = "What is to be changed is not as its `If-Match` says any more."


def with_headers(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with the headers that requests may have and answers do."""
    components = document["components"]
    components.setdefault("headers", {}).update(_HEADERS)
    components.setdefault("parameters", {}).update(_PARAMETERS)
    for method, operation in _operations(document):
        parameters, answers = operation.setdefault("parameters", []), operation["responses"]
        if any(each.get("name", "").lower() == "if-match" for each in parameters):
            answers["412"] = problem_of(_STALE)
            _add(answers, "ETag", "2")
        if method == "get":
            parameters.append({"$ref": "#/components/parameters/If-None-Match"})
            answers["304"] = dict(_KNOWN)
            _add(answers, "ETag", "200", "304")
        if method == "post" and operation.get("security") == _ALL_BY_TOKEN:
            parameters.append({"$ref": f"#/components/parameters/{HEADER}"})
            _add(answers, REPLAYED, "2", "404", "409")
        for name in ("RateLimit", "RateLimit-Policy"):
            _add(answers, name, "2", "429")
        _add(answers, "Retry-After", "429", "503")
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        if path.startswith(_PREFIX):
            yield from item.items()


def _add(answers: dict[str, Any], header: str, *statuses: str) -> None:
    for status, answer in answers.items():
        if status.startswith(statuses):
            answer.setdefault("headers", {})[header] = {"$ref": f"#/components/headers/{header}"}
