"""The door for any program that can POST JSON: an event with a threat level becomes an alert with a severity."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, JsonValue

from healthmgr.api.doors.entry import Brings
from healthmgr.api.doors.pagerduty import details
from healthmgr.api.moments import Moment
from healthmgr.api.parts import PartsDep
from healthmgr.domain.check import Severity
from healthmgr.domain.incoming import incoming
from healthmgr.errors import DefinitionError, Problem

ORIGIN = "events"

router = APIRouter(tags=["doors"])


def _either(*names: str) -> Any:
    """A field that may be called so or so."""
    return Field(validation_alias=AliasChoices(*names))


ThreatLevel = Literal["none", "resolved", "low", "medium", "high", "critical"]


class ReportedEvent(BaseModel):
    """What another program has noticed. `id` is what tells that two of them are about the same thing."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "source": "security-manager",
                    "id": "INC-4711",
                    "title": "Many failed logins from one address",
                    "threat_level": "high",
                    "status": "open",
                    "details": {"address": "203.0.113.7", "attempts": 412},
                    "labels": {"service": "sessions"},
                }
            ]
        },
    )

    source: Annotated[str, Field(min_length=1, max_length=200)]
    title: Annotated[str, Field(min_length=1, max_length=1000)]
    id: Annotated[str, Field(max_length=500)] = ""
    dedup_key: Annotated[str, Field(max_length=500), _either("dedup_key", "dedupKey")] = ""
    threat_level: Annotated[ThreatLevel, _either("threat_level", "threatLevel")] = "medium"
    status: Literal["open", "resolved"] = "open"
    details: dict[str, JsonValue] = {}
    occurred_at: Annotated[Moment | None, _either("occurred_at", "occurredAt")] = None
    labels: dict[str, str] = {}
    url: str = ""


class Taken(BaseModel):
    """What the event is known by from now on, and whether its alert is over."""

    id: str
    severity: Severity
    is_over: bool


@router.post("/events", summary="Bring an event", status_code=202)
def post_event(event: ReportedEvent, parts: PartsDep, _: Brings) -> Taken:
    """Its alert is open until the same `id` comes with `status: resolved`, or with the threat level `none`.

    Without an id, events of one source with the same title are about the same thing. It is committed before it is
    answered; to bring it again does no harm.
    """
    now = parts.clock.now()
    key = event.id or event.dedup_key or event.title
    is_over = event.status == "resolved" or event.threat_level in ("none", "resolved")
    severity = Severity.MEDIUM if event.threat_level in ("none", "resolved") else Severity(event.threat_level)
    identity = {"source": event.source, "id": key}
    try:
        alert = incoming(
            {"service": event.source, **event.labels, "source": event.source},
            now=now,
            annotations={**details(event.details), "summary": event.title},
            starts_at=None if is_over else event.occurred_at,
            ends_at=now if is_over else None,
            source_url=event.url,
            severity=severity,
            identity=identity,
        )
    except ValueError as error:
        raise DefinitionError([Problem(str(error))]) from error
    parts.admitting.admit([alert], ORIGIN, now)
    return Taken(id=key, severity=severity, is_over=is_over)
