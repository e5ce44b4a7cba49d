"""What a process is told: every setting with its variable, unit and default, and where its value came from."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, ValidationError
from pydantic.alias_generators import to_snake

from healthmgr.errors import SettingsError
from healthmgr.secrets import read_variable
from healthmgr.settings_advanced import SAME_AS, Advanced, Milliseconds, SettingsFile, WindowMs, put, read_settings_file

CommaList = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda v: [p.strip() for p in v.split(",") if p.strip()] if isinstance(v, str) else v),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda text: {"warn": "warning"}.get(str(text).lower(), str(text).lower())),
]
_QUOTAS: Mapping[str, int] = {"viewer": 1200, "responder": 1200, "admin": 1200, "ingest": 12_000, "address": 120}


def _refuse_no_quotas(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        name, _, count = text.partition("=")
        if name.strip() not in _QUOTAS or not re.fullmatch(r"\s*[0-9]{1,9}\s*", count):
            raise ValueError(f"{text!r}: write NAME=REQUESTS, with one of {', '.join(_QUOTAS)}")
    return texts


class Settings(BaseModel):
    """What a process of healthmgr is told by its environment, and by the file that HEALTHMGR_SETTINGS names.

    The alias of a field is its variable. Where both give a value, the environment's holds.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    data_dir: Path = Field(Path("data"), alias="HEALTHMGR_DATA")
    definitions: Path = Field(Path("healthmgr.yaml"), alias="HEALTHMGR_CONFIG")
    database_url: str = Field("", alias="DATABASE_URL", repr=False)
    redis_url: str = Field("", alias="REDIS_URL", repr=False)
    broker_url: str = Field("", alias="BROKER_URL", repr=False)
    host: str = Field("127.0.0.1", alias="HEALTHMGR_HOST")
    port: int = Field(8300, alias="HEALTHMGR_PORT", ge=0, le=65535)
    public_url: str = Field("", alias="HEALTHMGR_URL", description="how people reach the API, for links")
    secret_key: str = Field("", alias="HEALTHMGR_SECRET_KEY", repr=False, description="signs ping addresses")
    log_level: LogLevel = Field("info", alias="LOG_LEVEL")
    log_format: Literal["console", "json"] = Field("console", alias="LOG_FORMAT")
    check_interval: Milliseconds = Field(timedelta(seconds=60), alias="HEALTH_CHECK_INTERVAL")
    max_concurrent_checks: int = Field(200, alias="MAX_CONCURRENT_CHECKS", ge=1, description="per worker process")
    default_timeout: Milliseconds = Field(timedelta(seconds=10), alias="DEFAULT_TIMEOUT")
    auto_recovery: bool = Field(True, alias="ENABLE_AUTO_RECOVERY", description="whether a runbook may start by itself")
    retention: Milliseconds = Field(
        timedelta(days=7), alias="HEALTHMGR_RETENTION", description="how long results are kept"
    )
    runs_retention: Milliseconds = Field(
        timedelta(days=365), alias="HEALTHMGR_RUNS_RETENTION", description="how long runs of runbooks are kept"
    )
    canaries: CommaList = Field(
        (), alias="HEALTHMGR_CANARIES", description="host:port, ... that tell whether this network works"
    )
    modules: CommaList = Field((), alias="HEALTHMGR_MODULES", description="Python modules with checks in them")
    allowed_commands: str = Field(
        "", alias="HEALTHMGR_ALLOWED_COMMANDS", description="programs that steps of runbooks may run, with ',' or ':'"
    )
    templates: str = Field(
        "", alias="HEALTHMGR_TEMPLATES", description="folder of own templates, for channels that name none"
    )
    outbound_heartbeat_url: str = Field("", alias="HEALTHMGR_HEARTBEAT_URL", repr=False)
    emergency_url: str = Field(
        "",
        alias="HEALTHMGR_EMERGENCY_URL",
        repr=False,
        description="POSTed to when PostgreSQL is gone, or what is overdue stays so",
    )
    synthetic_interval: WindowMs = Field(
        timedelta(minutes=5),
        alias="HEALTHMGR_SYNTHETIC_INTERVAL",
        description="how often a synthetic notification is sent; 0: never",
    )
    synthetic_to: str = Field(
        "",
        alias="HEALTHMGR_SYNTHETIC_TO",
        pattern=r"^([^/]+/[^/]+)?$",
        description="to whom, as recipient/channel; unset: to nobody, up to the last step",
    )
    agent_port: int = Field(
        0, alias="HEALTHMGR_AGENT_PORT", ge=0, le=65535, description="where HAProxy's agent checks are answered; 0: not"
    )
    degraded_weight: int = Field(
        50, alias="HEALTHMGR_DEGRADED_WEIGHT", ge=0, le=100, description="percent of its work for a degraded instance"
    )
    otlp_endpoint: str = Field(
        "", alias="OTEL_EXPORTER_OTLP_ENDPOINT", description="where `healthmgr api` pushes metrics to, over HTTP"
    )
    otlp_interval: Milliseconds = Field(timedelta(seconds=60), alias="OTEL_METRIC_EXPORT_INTERVAL")
    task_events: Literal["quiet", "all"] = Field(
        "quiet", alias="HEALTHMGR_TASK_EVENTS", description="'all': workers of checks and evaluation send events, too"
    )
    flower_url: str = Field(
        "", alias="HEALTHMGR_FLOWER_URL", pattern=r"^(https?://\S+)?$", description="where Flower is, for a link to it"
    )
    proxy_trusted: CommaList = Field(
        ("127.0.0.1", "::1"),
        alias="HEALTHMGR_PROXY_TRUSTED",
        description="addresses and networks of proxies whose headers are believed",
    )
    proxy_user_header: str = Field(
        "", alias="HEALTHMGR_PROXY_USER_HEADER", description="in which such a proxy names who signed in there"
    )
    proxy_role_header: str = Field("", alias="HEALTHMGR_PROXY_ROLE_HEADER", description="... and their role")
    proxy_role: Literal["viewer", "responder", "admin", "none"] = Field(
        "viewer", alias="HEALTHMGR_PROXY_ROLE", description="where it names none; none: they are not let in"
    )
    oidc_issuer: str = Field("", alias="HEALTHMGR_OIDC_ISSUER", description="who signs people in, by OpenID Connect")
    oidc_client_id: str = Field("", alias="HEALTHMGR_OIDC_CLIENT_ID", description="as what healthmgr is known there")
    oidc_client_secret: str = Field("", alias="HEALTHMGR_OIDC_CLIENT_SECRET", repr=False)
    oidc_role_claim: str = Field("groups", alias="HEALTHMGR_OIDC_ROLE_CLAIM", description="what tells the role")
    oidc_roles: CommaList = Field(
        (), alias="HEALTHMGR_OIDC_ROLES", description="its values with the role of each: sre=responder, *=viewer"
    )
    rate_limits: Annotated[CommaList, AfterValidator(_refuse_no_quotas)] = Field(
        tuple(f"{name}={count}" for name, count in _QUOTAS.items()),
        alias="HEALTHMGR_RATE_LIMITS",
        description="requests a minute that the API answers, by a token's role, and by address without one; 0: any",
    )

    smtp_host: str = Field("", alias="SMTP_HOST", description="for channels of kind email that name no host")
    smtp_port: int = Field(587, alias="SMTP_PORT", ge=1, le=65535)
    smtp_username: str = Field("", alias="SMTP_USERNAME")
    smtp_password: str = Field("", alias="SMTP_PASSWORD", repr=False)
    alert_email_from: str = Field("", alias="ALERT_EMAIL_FROM")
    slack_webhook_url: str = Field("", alias="SLACK_WEBHOOK_URL", repr=False)
    slack_channel: str = Field("", alias="SLACK_CHANNEL")
    slack_signing_secret: str = Field(
        "", alias="SLACK_SIGNING_SECRET", repr=False, description="by which pressed buttons are known to be from Slack"
    )
    pagerduty_integration_key: str = Field("", alias="PAGERDUTY_INTEGRATION_KEY", repr=False)
    advanced: Advanced = Field(Advanced(), alias="HEALTHMGR_SETTINGS", description="what that file says beyond these")

    _origins: dict[str, str] = PrivateAttr(default_factory=dict)
    _file: str = PrivateAttr("")

    @property
    def origins(self) -> Mapping[str, str]:
        """Where each value that is no default came from, by variable or by key ("alerting.enabled")."""
        return dict(self._origins)

    @property
    def settings_file(self) -> str:
        """The settings file that was read; empty where there is none."""
        return self._file

    @property
    def broker(self) -> str:
        """The broker's URL: Redis unless another one is named."""
        return self.broker_url or self.redis_url

    @property
    def quotas(self) -> Mapping[str, int]:
        """Requests a minute by role, and `address` for those without a token; 0: any number."""
        pairs = (text.partition("=") for text in self.rate_limits)
        return {**_QUOTAS, **{name.strip(): int(count) for name, _, count in pairs}}

    @property
    def run_dir(self) -> Path:
        """Where a running `healthmgr up` keeps its sockets, pulses and the environment of its children."""
        return self.data_dir / "run"

    @property
    def environment_file(self) -> Path:
        """The variables that `healthmgr up` gave its children, for commands run in another terminal."""
        return self.run_dir / "environment.json"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None, config: Mapping[str, Any] | None = None) -> Settings:
        """From the environment; what it leaves unset, from what a running `healthmgr up` wrote and the settings file.

        `config` holds advanced keys given in code, over all of these. Raises SettingsError naming the variable
        or the file's line, the value's fault and the fix.
        """
        own = os.environ if environ is None else environ
        merged = _merge(own)
        path = read_variable("HEALTHMGR_SETTINGS", merged)
        gathered = _Gathered(own, merged)
        if path:
            gathered.take_keys(read_settings_file(Path(path)), is_first=False)
        if config:
            gathered.take_keys(SettingsFile(config, "the given configuration"), is_first=True)
        settings = cls.model_validate(gathered.judge())
        settings._origins.update(gathered.origins)
        settings._file = path or ""
        return settings


_OF_CHANNELS = [name for path, name in SAME_AS.items() if path[:2] == ("alerting", "channels")]


class _Gathered:
    """The values that were found, by variable and by advanced key, and where each was."""

    def __init__(self, own: Mapping[str, str], merged: Mapping[str, str]) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, str] = {}
        self._keys: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        for field in Settings.model_fields.values():
            name = str(field.alias)
            found = read_variable(name, merged) if name != "HEALTHMGR_SETTINGS" else None
            if found is not None:
                self.values[name] = found
                is_own = own.get(name) or own.get(f"{name}_FILE")
                place = "environment" if merged.get(name) else f"{name}_FILE"
                self.origins[name] = place if is_own else "healthmgr up"

    def take_keys(self, file: SettingsFile, *, is_first: bool) -> None:
        """Take the keys of a file in, before or behind what is there."""
        for path, value in file.values.items():
            name = SAME_AS.get(path, ".".join(path))
            if name in self.origins and not is_first:
                continue
            self.origins[name] = file.place(path)
            self._names[name] = file.named(path)
            if path in SAME_AS:
                self.values[name] = value
            else:
                put(self._keys, path, value)

    def judge(self) -> dict[str, Any]:
        """The values of `Settings`. Raises SettingsError for those that cannot be used."""
        whole = {**self.values, "HEALTHMGR_SETTINGS": self._keys}
        try:
            Settings.model_validate(whole)
        except ValidationError as error:
            faults = "; ".join(self._say(fault) for fault in error.errors())
            raise SettingsError(faults) from error
        return whole

    def _say(self, fault: Any) -> str:
        place = [str(part) for part in fault["loc"] if part != "HEALTHMGR_SETTINGS"]
        name = ".".join([place[0], *(to_snake(part) for part in place[1:])])
        while name not in self.origins and "." in name:  # an item of a list is where its list is
            name = name.rpartition(".")[0]
        origin = self.origins.get(name, "")
        field = next((f for f in Settings.model_fields.values() if f.alias == name), None)
        found = "a value that is not shown" if field is not None and not field.repr else repr(fault["input"])
        message = f"{fault['msg'].removeprefix('Value error, ')} (got {found})"
        if name in self._names:
            return f"{origin}: {self._names[name]}: {message}"
        return f"The environment is not usable: {name}: {message}"


def environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What `${VAR}` in definitions is resolved from: the environment, what a running `healthmgr up` left, and
    where our own parts are."""
    own = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "BROKER_URL": settings.broker}
    from_file = {str(f.alias): getattr(settings, name) for name, f in Settings.model_fields.items()}
    own |= {name: str(from_file[name]) for name in _OF_CHANNELS if name in settings.origins}
    present = {name: value for name, value in own.items() if value}
    return present | _merge(os.environ if environ is None else environ)


def _merge(environ: Mapping[str, str]) -> dict[str, str]:
    data_dir = Path(environ.get("HEALTHMGR_DATA") or "data")
    left_by_up = _read_environment(data_dir / "run" / "environment.json")
    return left_by_up | {name: value for name, value in environ.items() if value}


def _read_environment(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"{path} cannot be read ({error}): stop `healthmgr up`, remove the file, start again"
        ) from error
