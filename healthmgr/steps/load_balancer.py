"""Load balancer: takes an instance out of service before a repair, and puts it back afterwards."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from healthmgr.channels.deadline import Deadline
from healthmgr.domain.step import Balance, Done
from healthmgr.ports import StepContext
from healthmgr.steps.fields import Length, StepConfig, shortest
from healthmgr.steps.haproxy import Haproxy, set_state
from healthmgr.steps.output import line

_HAPROXY_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_LONGEST_NAME = 200  # characters


def _must_be_a_line(value: str) -> str:
    if not value.isprintable():
        raise ValueError("is no name: it has line breaks or control characters")
    return value


Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME), AfterValidator(_must_be_a_line)]


class LoadBalancerConfig(StepConfig):
    """Which instance, and what is to become of it."""

    action: Literal["drain", "enable"] = Field(description="drain: no new requests; enable: back into service")
    service: Name = Field(description="The service; with haproxy, the backend, unless `backend` says so")
    instance: Name = Field(description="Its instance; with haproxy, the server, unless `server` says so")
    driver: Literal["healthmgr", "haproxy"] = Field(
        "healthmgr", description="healthmgr: for balancers that ask healthmgr; haproxy: tell HAProxy over its socket"
    )
    socket: str = Field("", description="haproxy: its stats socket with level admin: a path, or host:port")
    backend: str = Field("", description="haproxy: the backend's name")
    server: str = Field("", description="haproxy: the server's name")
    wait: bool = Field(True, description="haproxy: when it is drained, wait until it has no session left")
    timeout: Length | None = Field(None, description="Time for the whole, where the step's own is too long")

    @model_validator(mode="after")
    def _must_agree(self) -> Self:
        if self.driver == "haproxy" and not self.socket:
            raise ValueError("socket: the driver haproxy needs it, such as /run/haproxy/admin.sock")
        if self.driver == "haproxy":
            for name in (self.haproxy.backend, self.haproxy.server):
                if not _HAPROXY_NAME.fullmatch(name):
                    raise ValueError(f"{name[:60]!r} is no name in HAProxy: letters, digits and _ . : - alone")
        return self

    @property
    def haproxy(self) -> Haproxy:
        """What HAProxy calls it."""
        return Haproxy(self.socket, self.backend or self.service, self.server or self.instance)


class LoadBalancerStep:
    """Drains or enables an instance of a service."""

    kind: ClassVar[str] = "load_balancer"
    Config: ClassVar[type[LoadBalancerConfig]] = LoadBalancerConfig
    action_field: ClassVar[str] = "action"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"action", "driver", "socket"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = False  # an instance that is drained twice is drained

    def run(self, config: LoadBalancerConfig, context: StepContext) -> Balance | Done:
        """Have healthmgr note it for the balancers that ask; or tell HAProxy, and wait for the last session's end."""
        if config.driver == "healthmgr":
            return Balance(config.service, config.instance, "drained" if config.action == "drain" else "enabled")
        deadline = Deadline(shortest(context.timeout, config.timeout))
        return set_state(config.haproxy, is_drained=config.action == "drain", waits=config.wait, deadline=deadline)

    def describe(self, config: LoadBalancerConfig) -> str:
        """Which instance, and how."""
        if config.driver == "healthmgr":
            return line(f"{config.action} {config.instance} of {config.service}")
        name = f"{config.haproxy.backend}/{config.haproxy.server}"
        waiting = " and wait for its last session" if config.wait and config.action == "drain" else ""
        return line(f"{config.action} {name} in HAProxy at {config.socket}{waiting}")
