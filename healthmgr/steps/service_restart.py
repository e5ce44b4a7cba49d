"""Service restart: by whatever looks after the service, and seen to have happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import ClassVar, Literal, Self

from pydantic import Field, SecretStr, model_validator

from healthmgr.channels.deadline import Deadline
from healthmgr.domain.step import Done
from healthmgr.ports import StepContext
from healthmgr.steps import restart_docker, restart_kubernetes, restart_supervisor, restart_systemd
from healthmgr.steps.allowed import allowed_program, not_allowed
from healthmgr.steps.ending import judge_ending
from healthmgr.steps.fields import Command, Length, StepConfig, shortest
from healthmgr.steps.output import line
from healthmgr.steps.program import Program, cleaned_environment, run_program, told_of
from healthmgr.steps.restart import Restart

# A name of a unit, a program, a container or a workload; what begins with - would be an option.
_SERVICE = r"^[A-Za-z0-9_][A-Za-z0-9_.@:\\-]{0,199}$"
_NAME = r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$"

_DRIVERS: Mapping[str, Callable[[Restart, Deadline], Done]] = {
    "systemd": restart_systemd.restart,
    "supervisor": restart_supervisor.restart,
    "docker": restart_docker.restart,
    "kubernetes": restart_kubernetes.restart,
}


class ServiceRestartConfig(StepConfig):
    """Which service, and by what."""

    service: str = Field(pattern=_SERVICE, description="The unit, program, container or workload")
    driver: Literal["systemd", "supervisor", "docker", "kubernetes", "command"] = Field(
        "systemd", description="What looks after it; command: a program of HEALTHMGR_ALLOWED_COMMANDS restarts it"
    )
    graceful: bool = Field(
        True, description="Let it end by itself; if not, it is killed first (Kubernetes always lets it)"
    )
    wait: bool = Field(True, description="Wait until it runs again, as another process than before")
    url: str = Field(
        "",
        repr=False,
        description="Where the driver listens, if not at its usual place: unix:///run/supervisor.sock, "
        "http://user:password@host:9001, unix:///run/docker.sock, https://kubernetes.example.com:6443",
    )
    command: Command | None = Field(
        None, repr=False, description="command: the program and its arguments, one item each; no shell reads them"
    )
    namespace: str = Field("default", pattern=_NAME, description="kubernetes: the namespace")
    workload: Literal["deployment", "statefulset", "daemonset"] = Field(
        "deployment", description="kubernetes: what the service is"
    )
    token: SecretStr = Field(SecretStr(""), description="kubernetes: bearer token; if not given, the service account's")
    ca_file: str = Field(
        "", description="kubernetes: file of the authorities (PEM); if not given, the service account's"
    )
    timeout: Length | None = Field(None, description="Time for the whole, where the step's own is too long")

    @model_validator(mode="after")
    def _must_agree(self) -> Self:
        if (self.driver == "command") != (self.command is not None):
            raise ValueError("command: the driver command needs it, and no other takes it")
        return self


class ServiceRestartStep:
    """Restarts a service by systemd, supervisor, Docker, Kubernetes or a program."""

    kind: ClassVar[str] = "service_restart"
    Config: ClassVar[type[ServiceRestartConfig]] = ServiceRestartConfig
    action_field: ClassVar[str] = "service"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"command.0", "token", "ca_file"})
    url_fields: ClassVar[frozenset[str]] = frozenset({"url"})
    is_destructive: ClassVar[bool] = True

    def run(self, config: ServiceRestartConfig, context: StepContext) -> Done:
        """Restart it once, and wait until it runs anew. Raises StepError where it does not."""
        timeout = shortest(context.timeout, config.timeout)
        if config.command is not None:
            program = allowed_program(config.command[0])
            words = [program, *config.command[1:]]
            ended = run_program(Program(words, cleaned_environment(told_of(context))), timeout)
            return judge_ending(config.command[0], ended, timeout)
        return _DRIVERS[config.driver](_restart(config, context.now), Deadline(timeout))

    def describe(self, config: ServiceRestartConfig) -> str:
        """The service, and who would restart it."""
        how = "" if config.graceful else ", killing it first"
        by: str = config.driver
        if config.command is not None:
            by = " ".join(config.command) + not_allowed(program=config.command[0])
        return line(
            f"restart {config.service} by {by}{how}{' and wait until it runs' if config.wait else ''}", most=600
        )


def _restart(config: ServiceRestartConfig, now: datetime) -> Restart:
    return Restart(
        service=config.service,
        is_graceful=config.graceful,
        waits=config.wait,
        url=config.url,
        namespace=config.namespace,
        workload=config.workload,
        token=config.token.get_secret_value(),
        ca_file=config.ca_file,
        now=now,
    )
