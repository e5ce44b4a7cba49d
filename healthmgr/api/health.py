"""For those who watch the watcher: load balancers, Kubernetes, another healthmgr. No token is needed."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from healthmgr.api.parts import PartsDep
from healthmgr.storage.database import schema_revisions
from healthmgr.views import PartView

router = APIRouter(tags=["health"])


class PartHealth(BaseModel):
    """One part: is it well, the age of its last sign of life in seconds, and what to do.

    `depth` is how many messages waited in a queue when it was last looked at.
    """

    name: str
    is_well: bool
    age: float | None
    message: str
    depth: int | None = None


class Healthz(BaseModel):
    """healthmgr's own health."""

    is_well: bool
    parts: list[PartHealth]


class Readyz(BaseModel):
    """Whether requests can be served."""

    is_ready: bool
    message: str


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", summary="Is healthmgr doing its work?", responses={503: {"model": Healthz}})
def healthz(response: Response, parts: PartsDep) -> Healthz:
    """200 while checks are scheduled, every queue is consumed and nothing is overdue; 503 otherwise."""
    try:
        view = parts.reading.health(parts.clock.now())
    except SQLAlchemyError:
        away = PartHealth(name="database", is_well=False, age=None, message="the database does not answer: start it")
        found = Healthz(is_well=False, parts=[away])
    else:
        known = [_in_brief(part) for part in view.parts]
        reached = PartHealth(name="database", is_well=True, age=0.0, message="")
        found = Healthz(is_well=view.is_well, parts=[reached, *known])
    response.status_code = 200 if found.is_well else 503
    return found


def _in_brief(part: PartView) -> PartHealth:
    """Without the detail, which is for those with a token."""
    depth = part.detail.get("depth")
    return PartHealth(
        name=part.name,
        is_well=part.is_well,
        age=part.age,
        message=part.message,
        depth=depth if isinstance(depth, int) else None,
    )


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", summary="Can requests be served?", responses={503: {"model": Readyz}})
def readyz(response: Response, parts: PartsDep) -> Readyz:
    """200 when the database answers and its schema is the one that this version wants; 503 otherwise."""
    found = _readiness(parts)
    response.status_code = 200 if found.is_ready else 503
    return found


def _readiness(parts: PartsDep) -> Readyz:
    try:
        present, wanted = schema_revisions(parts.engine)
    except SQLAlchemyError:
        return Readyz(is_ready=False, message="the database does not answer: start it")
    if present != wanted:
        said = f"the schema is at {present or 'nothing'}, this version wants {wanted}: run `healthmgr db upgrade`"
        return Readyz(is_ready=False, message=said)
    return Readyz(is_ready=True, message="")
