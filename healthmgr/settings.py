"""The environment, read once: every setting with its variable, unit and default."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from healthmgr.domain.quantity import parse_duration
from healthmgr.errors import SettingsError
from healthmgr.secrets import read_variable

Milliseconds = Annotated[timedelta, BeforeValidator(lambda text: timedelta(milliseconds=int(text)))]
Duration = Annotated[timedelta, BeforeValidator(lambda v: parse_duration(v) if isinstance(v, str) else v)]
CommaList = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda v: [p.strip() for p in v.split(",") if p.strip()] if isinstance(v, str) else v),
]
LogLevel = Annotated[
    Literal["debug", "info", "warning", "error"],
    BeforeValidator(lambda text: {"warn": "warning"}.get(str(text).lower(), str(text).lower())),
]


class Settings(BaseModel):
    """What a process of healthmgr is told by its environment. The alias of a field is its variable."""

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
    retention: Duration = Field(timedelta(days=7), alias="HEALTHMGR_RETENTION", description="how long results are kept")
    canaries: CommaList = Field(
        (), alias="HEALTHMGR_CANARIES", description="host:port, ... that tell whether this network works"
    )
    outbound_heartbeat_url: str = Field("", alias="HEALTHMGR_HEARTBEAT_URL", repr=False)
    emergency_url: str = Field(
        "", alias="HEALTHMGR_EMERGENCY_URL", repr=False, description="POSTed to when PostgreSQL is gone"
    )
    task_events: Literal["quiet", "all"] = Field(
        "quiet", alias="HEALTHMGR_TASK_EVENTS", description="'all': workers of checks and evaluation send events, too"
    )

    @property
    def broker(self) -> str:
        """The broker's URL: Redis unless another one is named."""
        return self.broker_url or self.redis_url

    @property
    def run_dir(self) -> Path:
        """Where a running `healthmgr up` keeps its sockets, pulses and the environment of its children."""
        return self.data_dir / "run"

    @property
    def environment_file(self) -> Path:
        """The variables that `healthmgr up` gave its children, for commands run in another terminal."""
        return self.run_dir / "environment.json"

    @classmethod
    def load(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """From the environment; what it leaves unset, from the file a running `healthmgr up` wrote.

        Raises SettingsError naming the variable, the value's fault and the fix.
        """
        merged = _merge(os.environ if environ is None else environ)
        values: dict[str, Any] = {}
        for field in cls.model_fields.values():
            found = read_variable(str(field.alias), merged)
            if found is not None:
                values[str(field.alias)] = found
        try:
            return cls(**values)
        except ValidationError as error:
            faults = "; ".join(f"{e['loc'][0]}: {e['msg']} (got {e['input']!r})" for e in error.errors())
            raise SettingsError(f"The environment is not usable: {faults}") from error


def environment(settings: Settings, environ: Mapping[str, str] | None = None) -> dict[str, str]:
    """What `${VAR}` in definitions is resolved from: the environment, what a running `healthmgr up` left, and
    where our own parts are."""
    own = {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "BROKER_URL": settings.broker}
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
