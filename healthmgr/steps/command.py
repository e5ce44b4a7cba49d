"""Command: a program of this machine, if the installation allows it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr, field_validator

from healthmgr.domain.step import Done
from healthmgr.ports import StepContext
from healthmgr.steps.allowed import allowed_program, not_allowed
from healthmgr.steps.ending import judge_ending
from healthmgr.steps.fields import Command, Length, StepConfig, shortest
from healthmgr.steps.output import line
from healthmgr.steps.program import Program, cleaned_environment, run_program, told_of


class CommandConfig(StepConfig):
    """Which program to run, and with what."""

    command: Command = Field(
        repr=False,
        description="The program and its arguments, one item each; no shell reads them. The program has to be one of "
        "HEALTHMGR_ALLOWED_COMMANDS on the worker",
        examples=[["/usr/local/bin/restart-shop", "{{ labels.host }}"]],
    )
    environment: dict[str, SecretStr] = Field(
        {},
        description="Variables that the program sees besides PATH, HOME, language and time zone, and HEALTHMGR_KEY, "
        "_RUN_ID, _STEP and _CHECK",
    )
    directory: str = Field("/", pattern=r"^/[^\x00]*$", description="The folder in which the program runs")
    exit_codes: tuple[int, ...] = Field((0,), min_length=1, description="Exit statuses that are a success")
    timeout: Length | None = Field(None, description="Time for the program, where the step's own is too long")

    @field_validator("environment")
    @classmethod
    def _must_be_variables(cls, environment: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in environment.items():
            if not name or "=" in name or "\0" in name + value.get_secret_value():
                raise ValueError(f"{name[:60]!r} is no variable: no '=' in its name, no NUL in its value")
        return environment

    @property
    def secrets(self) -> tuple[str, ...]:
        """What its output may not tell."""
        return tuple(value.get_secret_value() for value in self.environment.values())


class CommandStep:
    """Runs a program on the worker's machine."""

    kind: ClassVar[str] = "command"
    Config: ClassVar[type[CommandConfig]] = CommandConfig
    action_field: ClassVar[str] = "command"
    fixed_fields: ClassVar[frozenset[str]] = frozenset({"command.0", "directory", "exit_codes"})
    url_fields: ClassVar[frozenset[str]] = frozenset()
    is_destructive: ClassVar[bool] = True

    def run(self, config: CommandConfig, context: StepContext) -> Done:
        """Run it to its end, in a process group of its own that is killed when its time is up.

        What the program leaves running when it ends by itself goes on. Raises StepError for another exit status.
        """
        program = allowed_program(config.command[0])
        own = {name: value.get_secret_value() for name, value in config.environment.items()}
        environment = cleaned_environment(told_of(context) | own)
        timeout = shortest(context.timeout, config.timeout)
        ended = run_program(Program([program, *config.command[1:]], environment, config.directory), timeout)
        return judge_ending(config.command[0], ended, timeout, config.exit_codes, config.secrets)

    def describe(self, config: CommandConfig) -> str:
        """The program and its arguments, and whether this process would let it run."""
        return line(f"run {_shown(config.command)}", config.secrets) + not_allowed(program=config.command[0])


def _shown(command: tuple[str, ...]) -> str:
    return " ".join(part if part and part.isprintable() and " " not in part else repr(part) for part in command)
