"""The form of runbooks: what starts one, its steps, whom it asks, and its limits."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from healthmgr.definitions.models import Entry, Length, Line, Names, Prose, Wait
from healthmgr.definitions.models_alerting import MatcherTexts
from healthmgr.definitions.models_oncall import Severities
from healthmgr.domain.runbook import Automation, OnFailure

MOST_STEPS = 100
MOST_RETRIES = 10

_MOST_RUNS = 1000
_MOST_PEOPLE = 20
_ON = re.compile(r"hard|soft ([1-9]\d{0,2})")
_PERCENT = re.compile(r"\s*(\d{1,3}(?:\.\d{1,3})?)\s*%\s*")
_PARAMETER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}")


def _word(value: Any) -> Any:
    return value.strip().lower().replace("-", "_") if isinstance(value, str) else value


def _attempt(value: Any) -> Any:
    """When of a problem: "hard", or "soft 2"."""
    found = _ON.fullmatch(" ".join(value.lower().split())) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f'expected hard, or the soft attempt as "soft 2", found {str(value)[:60]!r}')
    return None if found[1] is None else int(found[1])


def _parameter_names(values: dict[str, Any]) -> dict[str, Any]:
    for name in values:
        if not _PARAMETER.fullmatch(name):
            rule = "a parameter's name is letters, digits, _ and -, 63 at most, beginning with a letter or _"
            raise ValueError(f"{rule}, found {name[:60]!r}")
    return values


def _some(steps: list[Any]) -> list[Any]:
    if not steps:
        raise ValueError("is empty: write at least one step, as {wait: 10s}")
    if len(steps) > MOST_STEPS:
        raise ValueError(f"holds {len(steps)} steps, {MOST_STEPS} are allowed: make two runbooks of it")
    return steps


def _share(value: Any) -> Any:
    """A count, or a share of the group as "25%"."""
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST_RUNS:
        return str(value)
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < float(found[1]) <= 100:
        raise ValueError(f'expected a count such as 2, or a share of the group as "25%", found {str(value)[:60]!r}')
    return f"{float(found[1]):g}%"


class TriggerEntry(Entry):
    """What starts it by itself. All that is said has to fit."""

    checks: Names = Field(default_factory=list, description="checks, any of which starts it")
    match: MatcherTexts = Field(
        default_factory=list, description="""labels of the alert, as 'service="shop"'; all have to fit"""
    )
    severity: Severities = Field(default_factory=list, description="of the problem; any where it is not said")
    on: Annotated[int | None, BeforeValidator(_attempt)] = Field(
        None, description='when: hard (it is told), or earlier, at a soft attempt, as "soft 2"'
    )


class ApprovalEntry(Entry):
    """Who has to agree before the first step."""

    needed: int = Field(1, ge=1, le=_MOST_PEOPLE, description="how many have to agree")
    by: Names = Field(default_factory=list, description="who may: ada, team:web; whoever may respond if not said")
    expires_after: Length = Field(timedelta(minutes=30), description="how long they have; silence is a no")


class BlastRadiusEntry(Entry):
    """How many of a group may be under repair at once."""

    by: Names = Field(default_factory=list, description="labels that make the group; the service where not said")
    most: Annotated[str, BeforeValidator(_share)] | None = Field(
        None, description='how many at once: 2, or a share of the group as "25%"'
    )
    keep_healthy: int = Field(0, ge=0, le=_MOST_RUNS, description="how many have to be healthy besides")
    canary: bool = Field(False, description="whether the first has to be proved before a second begins")


class LimitsEntry(Entry):
    """What it never does, however it was started."""

    attempts: int | None = Field(None, ge=1, le=_MOST_RUNS, description="runs for one alert; the installation's")
    most: int | None = Field(None, ge=1, le=_MOST_RUNS, description="runs within `per`; any number if not said")
    per: Length = Field(timedelta(hours=1), description="the time that `most` is counted in")
    cool_down: Wait = Field(timedelta(0), description="how long after one run until the next")
    target_cool_down: Wait = Field(timedelta(minutes=1), description="the same on one target, whichever runbook")
    breaker: int = Field(3, ge=1, le=_MOST_RUNS, description="failures in a row after which a person has to look")
    blast_radius: BlastRadiusEntry = Field(BlastRadiusEntry(), description="how many of a group at once")


class StepEntry(Entry):
    """One action, in full or as KIND: ACTION."""

    id: Line = Field("", description="what later steps call it by; made of its name where it is not given")
    name: Line = Field("", description="as shown to people")
    kind: Line = Field(description="the step's plugin, such as notification or service_restart")
    action: Any = Field(None, description="the first thing that its kind asks for: a message, a path, a service")
    parameters: dict[str, Any] | None = Field(None, description="the plugin's further settings; the same as config")
    config: dict[str, Any] | None = Field(None, description="the plugin's own settings")
    timeout: Length | None = Field(None, description="how long it may take; 30s where it is not said")
    retries: int = Field(0, ge=0, le=MOST_RETRIES, description="further attempts after a failure")
    retry_after: Wait = Field(timedelta(seconds=5), description="how long after a failure it is tried again")
    on_failure: Annotated[OnFailure, BeforeValidator(_word)] = Field(
        OnFailure.STOP, description="what its failure does to the run: stop, continue or rollback"
    )
    when: str = Field(
        "", description="""a condition in CEL, as 'severity == "critical"'; it is passed over where that is not so"""
    )
    idempotent: bool = Field(False, description="whether doing it twice does no harm")
    rollback: list[Any] = Field(default_factory=list, description="steps that undo it")


class RunbookEntry(Entry):
    """runbooks.NAME: a recovery procedure."""

    name: Line = Field("", description="as shown to people")
    description: Prose = ""
    automation: Annotated[Automation, BeforeValidator(_word)] = Field(
        Automation.SEMI_AUTOMATED,
        description="manual: people start it; semi_automated: it starts and asks first; fully_automated",
    )
    team: Line = Field("", description="whose kill switch stops it")
    trigger: TriggerEntry = Field(TriggerEntry(), description="what starts it, beside checks that name it")
    approval: ApprovalEntry = Field(ApprovalEntry(), description="who has to agree before the first step")
    limits: LimitsEntry = Field(LimitsEntry(), description="how often, and how many at once")
    target: Line = Field("", description="what is repaired, one run at a time; the check where it is not said")
    parameters: Annotated[dict[str, Any], AfterValidator(_parameter_names)] = Field(
        default_factory=dict, description="what its steps speak of as {{ parameters.NAME }}, with the usual value"
    )
    timeout: Length | None = Field(None, description="how long all of it may take; the installation's if not said")
    steps: Annotated[list[Any], AfterValidator(_some)] = Field(description="in their order")
    verify: bool = Field(True, description="whether the check has to be healthy after the last step")
