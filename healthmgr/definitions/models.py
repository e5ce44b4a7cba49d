"""The form of a definitions file, version 1: what may be written where, and in which units."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from healthmgr.domain.anomaly import ANOMALOUS_FROM
from healthmgr.domain.anomaly_gate import GateRule
from healthmgr.domain.anomaly_rule import STEP
from healthmgr.domain.check import Severity
from healthmgr.domain.forecast import HORIZON, WINDOW
from healthmgr.domain.quantity import format_duration, length_of

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
NAME_RULE = "should be lower-case letters, digits and hyphens, 63 at most, not beginning with a hyphen"
LABEL_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_./-]{0,62}")
RESERVED_LABELS = {"check", "service", "category", "severity"}

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_LONGEST = timedelta(days=366)


def _at_least(shortest: timedelta) -> Callable[[timedelta], timedelta]:
    def judge(value: timedelta) -> timedelta:
        if not shortest <= value <= _LONGEST:
            limits = f"{format_duration(shortest)} at least and {format_duration(_LONGEST)} at most"
            raise ValueError(f"must be {limits}, found {format_duration(value)}")
        return value

    return judge


def _one_line(value: str) -> str:
    if _CONTROL.search(value):
        raise ValueError("must be one line of text, without control characters")
    return value.strip()


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


def _without_repeats(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _limit(value: Any) -> Any:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _severity(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _web_address(value: str) -> str:
    if value and not re.match(r"https?://[^\s]+$", value):
        raise ValueError(f"expected an address that begins with https:// or http://, found {value!r}")
    return value


def _category(value: str) -> str:
    if value and not re.fullmatch(r"[a-z0-9][a-z0-9 _-]*", value):
        raise ValueError(f"expected lower-case words such as infrastructure, service or application, found {value!r}")
    return value


Line = Annotated[str, Field(max_length=200), AfterValidator(_one_line)]
Prose = Annotated[str, Field(max_length=10_000)]
Wait = Annotated[timedelta, BeforeValidator(length_of), AfterValidator(_at_least(timedelta(0)))]
Length = Annotated[timedelta, BeforeValidator(length_of), AfterValidator(_at_least(timedelta(milliseconds=1)))]
Pause = Annotated[timedelta, BeforeValidator(length_of), AfterValidator(_at_least(timedelta(seconds=1)))]
Count = Annotated[int, Field(ge=1, le=100)]
SeverityField = Annotated[Severity, BeforeValidator(_severity)]
Names = Annotated[list[str], BeforeValidator(_as_list), AfterValidator(_without_repeats)]
Limits = dict[str, Annotated[str, BeforeValidator(_limit)]]


class Entry(BaseModel):
    """A part of the file; what it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ChannelEntry(Entry):
    """channels.NAME: a way to reach people."""

    kind: Line = Field(description="the channel's plugin, such as email or webhook")
    config: dict[str, Any] = Field(default_factory=dict, description="the plugin's own settings")
    max_concurrency: int = Field(4, ge=1, le=1000, description="messages under way at once")


class DependencyEntry(Entry):
    """One parent of a check. Parents of one redundancy group stand in for each other."""

    check: str
    redundancy_group: Line = ""


class ThresholdsEntry(Entry):
    """Limits on response_time and metrics, with a direction: "> 5s", "< 60", "80%"."""

    warning: Limits = Field(default_factory=dict, description="crossing one makes the check degraded")
    critical: Limits = Field(default_factory=dict, description="crossing one makes the check unhealthy")


class ForecastEntry(Entry):
    """A metric that is carried forward to its limit: told of at low or medium, once the limit lies within reach."""

    threshold: Annotated[str, BeforeValidator(_limit)] | None = Field(
        None, description='the limit, such as "> 95%"; left out: the critical threshold on it, else the warning'
    )
    horizon: Length = Field(HORIZON, description="how far ahead it is looked")
    window: Length = Field(WINDOW, description="how much of the past the line is drawn through")
    severity: SeverityField = Field(Severity.LOW, description="low or medium")


class AnomalyEntry(Entry):
    """Metrics that are watched for what is unlike their past. Medium at most, unless a severity is written."""

    metrics: Names | None = Field(None, description="left out: response_time and those that have thresholds; []: none")
    step: Length = Field(STEP, description="one point for each of these: 1m to 1h")
    severity: SeverityField = Field(Severity.MEDIUM, description="of the alert")
    threshold: float = Field(ANOMALOUS_FROM, ge=1, le=100, description="from which score on a point is an anomaly")
    points: int = Field(GateRule().needed, ge=1, le=64, description="so many strange ones ...")
    of: int = Field(GateRule().out_of, ge=1, le=64, description="... of the last so many are told")
    lasting: Length | None = Field(None, alias="for", description="what is strange for so long is told as well")


def _switch(value: Any) -> Any:
    if isinstance(value, bool):
        return {} if value else {"metrics": []}
    return {"metrics": value} if isinstance(value, str | list) else value


class OptionsEntry(Entry):
    """What a check may say and `defaults` may say for all."""

    service: Line | None = None
    category: Annotated[Line, AfterValidator(_category)] | None = None
    interval: Pause | None = None
    timeout: Length | None = None
    retry_interval: Pause | None = None
    max_attempts: Count | None = Field(None, description="bad results in a row until the state is hard")
    retries: Annotated[int, Field(ge=0, le=99)] | None = Field(None, description="max_attempts - 1, in other words")
    success_threshold: Count | None = Field(None, description="healthy results in a row until an alert is resolved")
    severity: SeverityField | None = None
    degraded_severity: SeverityField | None = None
    detect_flapping: bool | None = None
    labels: dict[str, Line] = Field(default_factory=dict)
    thresholds: ThresholdsEntry | None = None
    anomaly: Annotated[AnomalyEntry | None, BeforeValidator(_switch)] = Field(
        None, description="whether unusual values are told, or of which metrics and how; left out: they are not"
    )
    runbook: Annotated[Line, AfterValidator(_web_address)] | None = None
    enabled: bool | None = None

    @property
    def attempts(self) -> int | None:
        """max_attempts, in whichever words it was written."""
        return self.retries + 1 if self.retries is not None else self.max_attempts


class CheckEntry(OptionsEntry):
    """checks.SLUG: what to watch."""

    kind: Line = Field(description="the check type's plugin, such as http or postgres")
    name: Line = ""
    description: Prose = ""
    config: dict[str, Any] = Field(default_factory=dict, description="the plugin's own settings")
    forecast: dict[str, ForecastEntry] | None = Field(
        None, description="metrics to look ahead at; left out: what the kind suggests and has a threshold; {}: none"
    )
    recovery_procedure: Line = Field("", description="the runbook that mends it, by its name under runbooks")
    depends_on: Annotated[
        list[Annotated[DependencyEntry, BeforeValidator(lambda v: {"check": v} if isinstance(v, str) else v)]],
        BeforeValidator(_as_list),
    ] = Field(default_factory=list, description="without these, a failure of this check says nothing new")


class FileEntry(Entry):
    """The whole file. Its sections are judged entry by entry, so that one fault hides no other."""

    version: Literal[1]
    include: list[str] | None = Field(None, description="files to read as well, relative to this one")
    use: dict[str, Any] | None = Field(None, description="sets of checks that healthmgr brings along")
    templates: dict[str, Any] | None = Field(None, description="what many like checks share")
    defaults: dict[str, Any] | None = None
    channels: dict[str, Any] | None = None
    people: dict[str, Any] | None = Field(None, description="the people who are told; the same as recipients")
    recipients: dict[str, Any] | None = Field(None, description="the same as people")
    teams: dict[str, Any] | None = Field(None, description="people under one name")
    schedules: dict[str, Any] | None = Field(None, description="who is on call when")
    escalation_policies: dict[str, Any] | None = Field(None, description="who is told next when nobody answers")
    escalation_rules: list[Any] | None = Field(None, description="policies by severity, a rule for each level")
    receivers: dict[str, Any] | None = Field(None, description="recipients and channels under one name")
    time_windows: dict[str, Any] | None = Field(None, description="times under a name, for routes to be mute in")
    routing: dict[str, Any] | None = None
    maintenance: dict[str, Any] | None = Field(None, description="planned silences")
    inhibitions: dict[str, Any] | None = Field(None, description="alerts that mute others")
    runbooks: dict[str, Any] | None = Field(None, description="recovery procedures")
    slos: dict[str, Any] | None = Field(None, description="service levels and their error budgets")
    status_page: dict[str, Any] | None = Field(None, description="what everybody may read, and under which names")
    checks: dict[str, Any] | None = None
