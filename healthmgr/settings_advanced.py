"""Settings that come as a file: the advanced keys, in the user's own spelling and units, with their lines."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from healthmgr.domain.command import CommandRule
from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import SettingsError

MAX_BYTES = 1024 * 1024
_MAX_NESTING = 8


def _length(value: Any, unit: timedelta, is_off_allowed: bool) -> Any:
    """A bare number counts the unit of its key; a text carries its own, as in 30s."""
    if isinstance(value, timedelta):
        return value
    text = str(value).strip()
    if isinstance(value, bool) or not text:
        raise ValueError("expected a length such as 30s, or a bare number")
    try:
        length = float(text) * unit if re.fullmatch(r"-?\d+(\.\d+)?", text) else parse_duration(text)
    except OverflowError:
        raise ValueError("is longer than any time that can be told") from None
    if length < timedelta(0) or (not length and not is_off_allowed):
        raise ValueError("must be longer than nothing")
    return length


Milliseconds = Annotated[timedelta, BeforeValidator(lambda v: _length(v, timedelta(milliseconds=1), False))]
WindowMs = Annotated[timedelta, BeforeValidator(lambda v: _length(v, timedelta(milliseconds=1), True))]
Minutes = Annotated[timedelta, BeforeValidator(lambda v: _length(v, timedelta(minutes=1), True))]


class Part(BaseModel):
    """A group of keys, each in camelCase or snake_case."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


Texts = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda v: [t.strip() for t in v.split(",") if t.strip()] if isinstance(v, str) else v),
]


class EmailKeys(Part):
    """alerting.channels.email: mail without a definition of its own (server and sender have variables)."""

    enabled: bool = Field(True, description="whether it may be used")
    default_recipients: Texts = Field((), description="who is told where no definition says it")


class SlackKeys(Part):
    """alerting.channels.slack: Slack without a definition of its own (webhook and channel have variables)."""

    enabled: bool = Field(True, description="whether it may be used")
    username: str = Field("", description="the name to appear under")


class PagerDutyKeys(Part):
    """alerting.channels.pagerduty: PagerDuty without a definition of its own (the key has a variable)."""

    enabled: bool = Field(True, description="whether it may be used")


class Channels(Part):
    """alerting.channels: channels that need no definitions file."""

    email: EmailKeys = EmailKeys()
    slack: SlackKeys = SlackKeys()
    pagerduty: PagerDutyKeys = PagerDutyKeys()


class Alerting(Part):
    """alerting: how much is told."""

    enabled: bool = Field(True, description="false: alerts are kept, and nobody is told")
    aggregation_window: WindowMs = Field(timedelta(minutes=5), description="ms in which alerts are put together")
    deduplication_window: WindowMs = Field(timedelta(minutes=10), description="ms in which the same is told once")
    max_alerts_per_hour: int = Field(50, ge=1, description="messages over one channel to one address in an hour")
    max_alerts_per_minute: int = Field(10, ge=1, description="the same in a minute; what is more goes into digests")
    channels: Channels = Field(Channels(), description="channels that need no definitions file")


class Escalation(Part):
    """escalation: how long people have to answer."""

    enabled: bool = Field(True, description="whether the next level is told")
    default_escalation_delay: Minutes = Field(timedelta(minutes=10), description="minutes until the next level")
    auto_acknowledge_after: Minutes | None = Field(None, description="minutes; unset: never")
    auto_resolve_after: Minutes | None = Field(None, description="minutes; unset: never")


class IncidentCommand(Part):
    """incident_command: whose the command of grave incidents is, from their beginning."""

    commander: str = Field("", description="a person, team:NAME or schedule:NAME; unset: nobody by rule")
    severities: Texts = Field(("critical",), description="the severities whose incidents get one")

    @model_validator(mode="after")
    def _is_a_rule(self) -> IncidentCommand:
        self.rule()
        return self

    def rule(self) -> CommandRule | None:
        """The same in the words of the domain; None for nobody. Raises ValueError."""
        return CommandRule.parse(self.commander, self.severities) if self.commander.strip() else None


class Recovery(Part):
    """recovery: what may be mended without a person (ENABLE_AUTO_RECOVERY says whether anything may)."""

    max_recovery_attempts: int = Field(5, ge=1, description="runs for one alert")
    recovery_timeout: Milliseconds = Field(timedelta(minutes=10), description="ms that a run may take")
    require_approval_for_critical: bool = Field(True, description="whether a person is asked first")


class Monitoring(Part):
    """monitoring: what is read from the past."""

    anomaly_detection: bool = Field(True, description="whether unusual values are looked for, in checks that ask")
    predictive_monitoring: bool = Field(True, description="whether trends are carried forward")
    minutes_for: Milliseconds = Field(timedelta(days=30), description="ms that metrics are kept by the minute")
    hours_for: Milliseconds = Field(timedelta(days=366), description="ms that metrics are kept by the hour")
    days_for: Milliseconds = Field(timedelta(days=5 * 366), description="ms that metrics are kept by the day")

    @model_validator(mode="after")
    def _are_in_their_order(self) -> Monitoring:
        if not timedelta(days=2) <= self.minutes_for <= self.hours_for <= self.days_for:
            raise ValueError("minutes_for (2d or more), hours_for and days_for: each is as long as the one before it")
        return self


class Advanced(Part):
    """The keys that have no environment variable of their own."""

    alerting: Alerting = Alerting()
    escalation: Escalation = Escalation()
    incident_command: IncidentCommand = IncidentCommand()
    recovery: Recovery = Recovery()
    monitoring: Monitoring = Monitoring()


# Keys that say the same as a variable, by their path in snake_case.
SAME_AS: Mapping[tuple[str, ...], str] = {
    ("global_check_interval",): "HEALTH_CHECK_INTERVAL",
    ("max_concurrent_checks",): "MAX_CONCURRENT_CHECKS",
    ("default_timeout",): "DEFAULT_TIMEOUT",
    ("log_level",): "LOG_LEVEL",
    ("recovery", "enabled"): "ENABLE_AUTO_RECOVERY",
    ("monitoring", "retention_period"): "HEALTHMGR_RETENTION",
    ("alerting", "channels", "email", "smtp_host"): "SMTP_HOST",
    ("alerting", "channels", "email", "smtp_port"): "SMTP_PORT",
    ("alerting", "channels", "email", "from"): "ALERT_EMAIL_FROM",
    ("alerting", "channels", "slack", "webhook_url"): "SLACK_WEBHOOK_URL",
    ("alerting", "channels", "slack", "channel"): "SLACK_CHANNEL",
    ("alerting", "channels", "pagerduty", "integration_key"): "PAGERDUTY_INTEGRATION_KEY",
}
_ELSEWHERE = {
    ("escalation", "rules"): "is no setting: rules are defined in healthmgr.yaml, under escalation_rules",
    ("health_checks",): "is no setting: checks are defined in healthmgr.yaml, under checks",
}
KeyPath = tuple[str, ...]
_LISTS = {("alerting", "channels", "email", "default_recipients"), ("incident_command", "severities")}


class SettingsFile:
    """The keys of a file or a mapping, by their path in snake_case, and the place of each."""

    def __init__(self, tree: Mapping[str, Any], origin: str, lines: Mapping[KeyPath, int] | None = None) -> None:
        self.origin = origin
        self._lines = lines or {}
        self.values: dict[KeyPath, Any] = {}
        self._written: dict[KeyPath, KeyPath] = {}
        faults = list(self._take(tree, ()))
        if faults:
            raise SettingsError("\n".join(faults))

    def place(self, path: KeyPath) -> str:
        """Where a key is written, as "settings.yaml:3"."""
        line = self._lines.get(self._written.get(path, path))
        return f"{self.origin}:{line}" if line else self.origin

    def named(self, path: KeyPath) -> str:
        """A key as it is written."""
        return ".".join(self._written.get(path, path))

    def fault(self, path: KeyPath, message: str) -> str:
        """What is wrong with a key, and where it is written."""
        return f"{self.place(path)}: {self.named(path)}: {message}"

    def _take(self, tree: Mapping[str, Any], above: KeyPath) -> Iterator[str]:
        known = _known(above)
        for key, value in tree.items():
            snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", str(key)).lower()
            path = (*above, snake)
            first = self._written.get(path)
            self._written[path] = (*self._written.get(above, above), str(key))
            if first is not None:
                yield self.fault(path, f"is written twice, first as {first[-1]}: keep one of them")
                continue
            if path in _ELSEWHERE:
                yield self.fault(path, _ELSEWHERE[path])
            elif snake not in known:
                yield self.fault(path, f"is no setting{_near(snake, known)}")
            elif known[snake] != isinstance(value, Mapping) or (isinstance(value, list) and path not in _LISTS):
                expected = "a mapping (name: value)" if known[snake] else "one value"
                yield self.fault(path, f"expected {expected}, found {_sort_of(value)}")
            elif isinstance(value, Mapping):
                yield from self._take(value, path)
            elif value is not None:
                self.values[path] = value

    def model_values(self) -> dict[str, Any]:
        """What `Advanced` is made of: every key without a variable of its own."""
        tree: dict[str, Any] = {}
        for path, value in self.values.items():
            if path not in SAME_AS:
                put(tree, path, value)
        return tree


def put(tree: dict[str, Any], path: KeyPath, value: Any) -> None:
    """Set a value within groups of keys, which are made where they are not there."""
    for part in path[:-1]:
        tree = tree.setdefault(part, {})
    tree[path[-1]] = value


def read_settings_file(path: Path) -> SettingsFile:
    """The settings in a YAML (or JSON) file. Raises SettingsError naming file, line, key and fix."""
    try:
        content = path.read_bytes()[: MAX_BYTES + 1]
        if len(content) > MAX_BYTES:
            raise SettingsError(f"{path} is larger than a settings file can be ({MAX_BYTES} bytes)")
        node = yaml.compose(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise SettingsError(f"HEALTHMGR_SETTINGS names {path}, which cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is not UTF-8 text: save it as UTF-8") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}" if mark else str(path)
        raise SettingsError(f"{place}: is not valid YAML: {getattr(error, 'problem', error)}") from error
    lines: dict[KeyPath, int] = {}
    tree = {} if node is None else _plain(node, (), lines, str(path))
    if not isinstance(tree, dict):
        raise SettingsError(f"{path}:1: expected a mapping such as `globalCheckInterval: 30000`")
    return SettingsFile(tree, str(path), lines)


def _plain(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int], file: str) -> Any:
    line = node.start_mark.line + 1
    if len(path) > _MAX_NESTING:
        raise SettingsError(f"{file}:{line}: is nested too deeply")
    if isinstance(node, yaml.MappingNode):
        tree: dict[str, Any] = {}
        for key, value in node.value:
            name = str(getattr(key, "value", ""))
            if name in tree:
                raise SettingsError(f"{file}:{key.start_mark.line + 1}: {name}: is written twice: keep one of them")
            lines[(*path, name)] = key.start_mark.line + 1
            tree[name] = _plain(value, (*path, name), lines, file)
        return tree
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, path, lines, file) for item in node.value]
    if node.tag == "tag:yaml.org,2002:null":
        return None
    return str(node.value)


def _known(above: KeyPath) -> dict[str, bool]:
    """The keys at a place, and whether each is a group of keys."""
    model: type[BaseModel] = Advanced
    for part in above:
        model = type(model.model_fields[part].default)
    known = {name: isinstance(field.default, Part) for name, field in model.model_fields.items()}
    known.update({path[-1]: False for path in SAME_AS if path[:-1] == above})
    return known


def _near(word: str, known: Mapping[str, bool]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean {to_camel(near[0])!r}?" if near else f"; there is {', '.join(map(to_camel, sorted(known)))}"


def _sort_of(value: Any) -> str:
    return "a mapping" if isinstance(value, Mapping) else "a list" if isinstance(value, list) else repr(value)
