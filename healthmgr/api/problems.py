"""Errors as problem+json (RFC 9457): the one place where an exception becomes a status."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from healthmgr import errors
from healthmgr.telemetry import mask

log = structlog.get_logger(__name__)

_STATUSES: Mapping[type[errors.HealthmgrError], int] = {
    errors.DefinitionError: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.NotPermitted: 403,
    errors.Unavailable: 503,
    errors.SettingsError: 503,
}
_SECONDS_TO_WAIT = "5"
_PARSING = "There was an error parsing the body"  # FastAPI's words for what is neither UTF-8 nor a number
_NOT_READ = (
    "The body cannot be read as JSON: write it in UTF-8, no number with thousands of digits, nothing nested that deep"
)


class Fault(BaseModel):
    """One thing that is wrong in what was sent, and where."""

    message: str
    path: str = ""


class ProblemView(BaseModel):
    """What every error looks like (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    problems: list[Fault] = []


def problem(
    status: int, detail: str, problems: Sequence[Fault] = (), headers: Mapping[str, str] | None = None
) -> JSONResponse:
    """An error's answer."""
    body = ProblemView(title=HTTPStatus(status).phrase, status=status, detail=detail, problems=list(problems))
    extra = {"Retry-After": _SECONDS_TO_WAIT} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    return JSONResponse(
        body.model_dump(), status, headers={**extra, **(headers or {})}, media_type="application/problem+json"
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Have every error of this application answered as a problem."""
    for kind in _ANSWERS:
        app.add_exception_handler(kind, _on_error)


def answer_to(error: Exception) -> Response:
    """The answer to an error of whatever kind."""
    answer = next((answer for kind, answer in _ANSWERS.items() if isinstance(error, kind)), _unforeseen)
    return answer(error)


class Unforeseen:
    """Answers 500 where nothing else did, and says in the log why, once."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        has_begun = False

        async def send_noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except Exception as error:
            if scope["type"] != "http" or has_begun:
                raise
            await _unforeseen(error)(scope, receive, send)


def _on_error(_request: Request, error: Exception) -> Response:
    return answer_to(error)


def _ours(error: Any) -> Response:
    status = next((s for kind, s in _STATUSES.items() if isinstance(error, kind)), None)
    if status is None:
        return _unforeseen(error)
    faults = [Fault(message=p.message, path=p.path) for p in getattr(error, "problems", ())]
    return problem(status, mask(str(error)), faults)


def _http(error: Any) -> Response:
    said = _NOT_READ if error.detail == _PARSING else error.detail
    return problem(error.status_code, said, headers=error.headers)


def _invalid(error: Any) -> Response:
    faults = [Fault(message=_said(e), path=_whole(".".join(str(part) for part in e["loc"]))) for e in error.errors()]
    said = "; ".join(f"{fault.path}: {fault.message}" for fault in faults)
    return problem(422, said, faults)


def _said(fault: Any) -> str:
    if fault["loc"] == ("body",) and fault["type"] in ("model_attributes_type", "dict_type", "model_type"):
        return f"{fault['msg']}: send a JSON object, with the header Content-Type: application/json"
    return _whole(fault["msg"])


def _whole(words: str) -> str:
    """Without halves of characters, which JSON can name and no answer can be written with."""
    return words.encode(errors="replace").decode()


def _database_away(error: Any) -> Response:
    # Not the whole error: that would tell the statement's values.
    log.warning("database_away", error=str(error.orig if isinstance(error, DBAPIError) else error).strip())
    return problem(503, "The database does not answer; nothing was changed. Try again in a few seconds")


def _gone(_error: Any) -> Response:
    return problem(400, "The request ended before its body did")


def _unforeseen(error: Exception) -> Response:
    log.error("request_failed", exc_info=error)
    return problem(500, "This failed for a reason that was not foreseen; healthmgr's log says more")


_ANSWERS: Mapping[type[Exception], Callable[[Any], Response]] = {
    errors.HealthmgrError: _ours,
    HTTPException: _http,
    RequestValidationError: _invalid,
    ClientDisconnect: _gone,
    OperationalError: _database_away,
    InterfaceError: _database_away,
    PoolTimeout: _database_away,
}
