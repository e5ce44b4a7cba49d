"""Load balancers: /lb/SERVICE/INSTANCE for their checks, and what people may see and change of instances."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import unquote

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from healthmgr.api.balancer_answers import BalancerAnswers
from healthmgr.api.moments import Moment
from healthmgr.api.parts import PartsDep
from healthmgr.api.problems import answer_to
from healthmgr.api.security import Origin, Responder, Viewer
from healthmgr.domain.balancing import Wanted, words
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import DefinitionError, NotFound, Problem, Unavailable
from healthmgr.views_balancing import InstanceList, InstanceView

PATH = "/lb/"
_METHODS = ("GET", "HEAD", "OPTIONS")

router = APIRouter(tags=["balancing"])
door = APIRouter(tags=["balancing"])


class BalancerDoor:
    """`/lb/SERVICE/INSTANCE` answers 200 while the instance is in service, 503 while it is not, 404 for none.

    No token is asked for, since balancers have none to send; whoever can reach the address reads one line, which names
    no check and quotes no target. It stands before the application, and answers out of memory, for balancers ask often.
    """

    def __init__(self, app: ASGIApp, answers: BalancerAnswers) -> None:
        self._app = app
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a balancer; pass everything else on."""
        asked = _asked(scope)
        if asked is None:
            await self._app(scope, receive, send)
            return
        try:
            answer = await self._answer(asked, Request(scope).method)
        except Exception as error:
            answer = answer_to(error)
        await answer(scope, receive, send)

    async def _answer(self, asked: str, method: str) -> Response:
        if method not in _METHODS:
            return PlainTextResponse("ask with GET, HEAD or OPTIONS\n", 405, {"Allow": ", ".join(_METHODS)})
        try:
            known = await self._answers.known()
        except Unavailable as error:
            return PlainTextResponse(f"{error}\n", 503)
        seen = known.find(asked)
        if seen is None:
            return PlainTextResponse("no check watches such an instance\n", 404)
        age = f" (as of {known.age:.0f} s ago)" if known.is_old else ""
        return PlainTextResponse(f"{words(seen.answer)}{age}\n", 200 if seen.answer.is_in_service else 503)


def _asked(scope: Scope) -> str | None:
    """The `service/instance` of a balancer's request; None for every other one.

    The path is taken apart as it came, so that a name may hold a slash (%2F).
    """
    if scope["type"] != "http" or not scope["path"].startswith(PATH):
        return None
    raw = scope.get("raw_path") or scope["path"].encode()
    names = raw.decode("latin-1").removeprefix(PATH).removesuffix("/").split("/")
    if len(names) != 2 or not all(names):
        return None
    return "/".join(unquote(name) for name in names)


class WantedInstance(BaseModel):
    """What is wanted of an instance."""

    model_config = ConfigDict(extra="forbid")

    wanted: Wanted
    reason: str = Field("", max_length=500, description="why, for those who wonder")
    until: Moment | None = Field(None, description="when it is enabled again by itself")
    lasts_for: str | None = Field(None, description="the same as a length, such as 10m")
    may_be_last: bool = Field(False, description="drain it though no other instance of its service is in service")


Service = Annotated[str | None, Query(max_length=200, description="only the instances of this service")]


@router.get("/lb", summary="List the instances of services")
def list_instances(parts: PartsDep, _: Viewer, service: Service = None) -> InstanceList:
    """What balancers are told of each, and why."""
    return InstanceList(
        items=[InstanceView.of(seen) for seen in parts.balancing.view(parts.clock.now(), service).values()]
    )


@router.post("/lb/{service}/{instance:path}", summary="Drain an instance, or enable it again")
def want_instance(
    service: str, instance: str, wanted: WantedInstance, parts: PartsDep, who: Responder, origin: Origin
) -> InstanceView:
    """Drained, it finishes what it has and is given nothing new. 409 for the last one in service, unless it may be."""
    now = parts.clock.now()
    until = wanted.until
    if wanted.lasts_for is not None:
        if until is not None:
            raise DefinitionError([Problem("say either how long or until when, not both", path="lasts_for")])
        try:
            until = now + parse_duration(wanted.lasts_for)
        except (ValueError, OverflowError) as error:
            raise DefinitionError([Problem(str(error), path="lasts_for")]) from error
    seen = parts.balancing.set_wanted(
        service,
        instance,
        wanted.wanted,
        who.name,
        now,
        origin=origin,
        reason=wanted.reason,
        until=until,
        may_be_last=wanted.may_be_last,
    )
    return InstanceView.of(seen)


@door.get("/lb/{service}", summary="List the instances of a service")
def list_service(service: str, parts: PartsDep, _: Viewer) -> InstanceList:
    """The same as `/api/v1/lb?service=`, at the address below which balancers ask for each. 404 for no such service."""
    found = parts.balancing.view(parts.clock.now(), service)
    if not found:
        raise NotFound(f"No check has the service {service!r}.")
    return InstanceList(items=[InstanceView.of(seen) for seen in found.values()])
