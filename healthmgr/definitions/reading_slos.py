"""Service levels: how they are written, read and judged."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from healthmgr.definitions.composing import Location
from healthmgr.definitions.definition import SloDefinition
from healthmgr.definitions.draft import Draft
from healthmgr.definitions.faults import did_you_mean, shown
from healthmgr.definitions.known import Known
from healthmgr.definitions.models import LABEL_NAME, RESERVED_LABELS, Entry, Line, Names
from healthmgr.domain.quantity import format_duration, length_of
from healthmgr.domain.slo import LONGEST, SHORTEST, Slo, SloKind
from healthmgr.domain.threshold import RESPONSE_TIME, Threshold

SLOS = "slos"
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")


def _objective(value: Any) -> Any:
    """A share of 1 as it was written: "99.9%"."""
    match = _PERCENT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"expected a share in percent such as 99.9%, found {shown(value)}")
    share = float(match[1]) / 100
    if not 0.5 <= share < 1:
        raise ValueError(f"expected 50% or more and less than 100%, which nothing can keep; found {shown(value)}")
    return round(share, 9)


def _window(value: timedelta) -> timedelta:
    if not SHORTEST <= value <= LONGEST:
        limits = f"{format_duration(SHORTEST)} at least and {format_duration(LONGEST)} at most"
        raise ValueError(f"must be {limits}, found {format_duration(value)}")
    return value


class SloEntry(Entry):
    """slos.NAME: a service level, of a service or of checks by name."""

    description: Line = ""
    service: Line = Field("", description="all checks of this service are meant")
    checks: Names = Field(default_factory=list, description="or these checks")
    objective: Annotated[float, BeforeValidator(_objective)] = Field(description="the share that has to be good: 99.9%")
    window: Annotated[timedelta, BeforeValidator(length_of), AfterValidator(_window)] = Field(
        timedelta(days=30), description="the time over which it has to be kept"
    )
    kind: SloKind = Field(SloKind.AVAILABILITY, description="availability: found up; latency: a metric is good enough")
    metric: Line = Field(RESPONSE_TIME, description="of latency: which metric")
    threshold: Line = Field("", description='of latency: which values are good, such as "< 500ms"')
    degraded_is_bad: bool = Field(False, description="of availability: whether degraded counts as bad")
    counts_maintenance: bool = Field(False, description="whether time in maintenance windows counts")
    alerting: bool = Field(True, description="whether people are told when its budget is used up too fast")
    labels: dict[str, Line] = Field(default_factory=dict, description="of its alerts, for routes")


def read_slo(draft: Draft, name: str, entry: Any) -> None:
    """Read one into the draft; what is wrong is said there."""
    place: Location = (SLOS, name)
    found, faulty = draft.judge(SloEntry, entry, place)
    if found is None:
        return
    if bool(found.service) == bool(found.checks) and not faulty & {"service", "checks"}:
        draft.say("name either its service or its checks", *place)
    good = _good(draft, found, place) if not faulty & {"kind", "metric", "threshold"} else None
    if found.degraded_is_bad and found.kind is SloKind.LATENCY:
        draft.say("is about availability, and this is one of latency", *place, "degraded_is_bad")
    for label in found.labels:
        if label in {*RESERVED_LABELS, "slo"}:
            draft.say("is a label that healthmgr sets itself: choose another name", *place, "labels", label)
        elif not LABEL_NAME.fullmatch(label):
            draft.say(f"is no name of a label, found {shown(label)}", *place, "labels", label)
    draft.slos[name] = SloDefinition(
        Slo(
            name=name,
            objective=found.objective,
            window=found.window,
            service=found.service,
            checks=tuple(found.checks),
            kind=found.kind,
            metric=found.metric,
            good=good,
            degraded_is_bad=found.degraded_is_bad,
            counts_maintenance=found.counts_maintenance,
            is_alerting=found.alerting,
            labels=found.labels,
            description=found.description,
        )
    )


def _good(draft: Draft, found: SloEntry, place: Location) -> Threshold | None:
    if found.kind is SloKind.AVAILABILITY:
        for field in ("metric", "threshold"):
            if field in found.model_fields_set:
                draft.say("is of latency alone: write kind: latency as well", *place, field)
        return None
    try:
        good = Threshold.parse(found.metric, found.threshold)
    except ValueError as error:
        draft.say(f"says which values are good, such as '< 500ms': {error}", *place, "threshold")
        return None
    if not re.match(r"\s*[<>]", found.threshold):
        draft.say("needs a direction: write which values are good, such as '< 500ms'", *place, "threshold")
    return good


def judge_slos(known: Known) -> None:
    """Whether there is what they are about."""
    checks = {slug: check.service for slug, check in known.draft.checks.items()}
    services = set(checks.values())
    for item in known.stored("checks").values():
        services.add(item.definition.service)
    for name, definition in known.draft.slos.items():
        slo = definition.slo
        for index, check in enumerate(slo.checks):
            known.judge_name(check, "checks", SLOS, name, "checks", index)
        if slo.service and slo.service not in services:
            advice = did_you_mean(slo.service, {service for service in services if service})
            known.warn(f"no check is of service {shown(slo.service)}{advice}", SLOS, name, "service")
