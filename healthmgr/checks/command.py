"""Command: a program that speaks as Nagios' plugins do, by its exit status, its text and its numbers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from healthmgr.domain.check import Status
from healthmgr.domain.perfdata import PluginOutput, parse_output
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_STATUSES = {0: Status.HEALTHY, 1: Status.DEGRADED, 2: Status.UNHEALTHY, 3: Status.UNKNOWN}
# All that a command inherits: the worker's other variables hold passwords.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_MOST_COMPLAINTS = 8_192  # bytes of standard error that are kept
_TIME_FOR_LAST_WORDS = 0.5  # seconds that a pipe may stay open once the command has ended
_LONGEST_ASIDE = 600  # characters of long text or of complaints in a message


class CommandConfig(BaseModel):
    """Which program to run, and with what."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: list[str] = Field(
        min_length=1, repr=False, description="The program and its arguments, one item each; no shell reads them"
    )
    environment: dict[str, SecretStr] = Field(
        default_factory=dict,
        description="Variables that the program sees besides PATH, HOME, the language and the time zone",
    )
    directory: str = Field("/", min_length=1, description="The folder in which the program runs")
    max_output: int = Field(
        65_536, ge=256, le=1_048_576, description="Bytes of its output that are kept; the rest is read and dropped"
    )


class CommandCheck:
    """Runs a program on the worker's machine."""

    kind: ClassVar[str] = "command"
    Config: ClassVar[type[BaseModel]] = CommandConfig
    uses_network: ClassVar[bool] = False

    async def probe(self, config: CommandConfig, context: ProbeContext) -> Outcome:  # noqa: ARG002 - the port's signature
        """Run it once and judge its exit status: 0 healthy, 1 degraded, 2 unhealthy, 3 and all others unknown.

        Raises ProbeError when the program can't be started here. It runs in a process group of its own, all of which
        is killed once the program has ended, or when the probe is cut off.
        """
        started = time.perf_counter()
        heard = await _run(config)
        return _judge(config.command[0], heard, time.perf_counter() - started)


class _Heard(asyncio.SubprocessProtocol):
    """What comes out of the program: all is read, so that it never waits for us, and the beginnings are kept."""

    def __init__(self, limit: int) -> None:
        self.output = bytearray()
        self.complaints = bytearray()
        self.exit_status = 0
        self.has_ended = asyncio.Event()
        self.is_silent = asyncio.Event()
        self._limit = limit
        self._open_pipes = {1, 2}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        """Keep it while there is room."""
        kept, limit = (self.output, self._limit) if fd == 1 else (self.complaints, _MOST_COMPLAINTS)
        kept += data[: limit - len(kept)]

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """The last holder of this pipe has closed it."""
        self._open_pipes.discard(fd)
        if not self._open_pipes:
            self.is_silent.set()

    def process_exited(self) -> None:
        """The program itself has ended; others may still hold its pipes."""
        self.has_ended.set()


async def _run(config: CommandConfig) -> _Heard:
    """From start to end. Its whole group is gone afterwards, and the program itself reaped."""
    transport, heard = await _start(config)
    try:
        await heard.has_ended.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_TIME_FOR_LAST_WORDS):
                await heard.is_silent.wait()
    finally:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        await heard.has_ended.wait()
        heard.exit_status = transport.get_returncode() or 0
        transport.close()  # whoever left the group may hold the pipes for ever
    return heard


async def _start(config: CommandConfig) -> tuple[asyncio.SubprocessTransport, _Heard]:
    environment = {name: value for name in _INHERITED if (value := os.environ.get(name)) is not None}
    environment |= {name: value.get_secret_value() for name, value in config.environment.items()}
    try:
        return await asyncio.get_running_loop().subprocess_exec(
            lambda: _Heard(config.max_output),
            *config.command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=environment,
            cwd=config.directory,
            start_new_session=True,
        )
    except FileNotFoundError as error:
        missing = f"the folder {config.directory}" if error.filename == config.directory else config.command[0]
        raise ProbeError(f"{missing} is not there on this worker") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ProbeError(f"{config.command[0]} cannot be started on this worker: {reason}") from error


def _judge(program: str, heard: _Heard, seconds: float) -> Outcome:
    output = parse_output(heard.output.decode("utf-8", "replace"))
    status = _STATUSES.get(heard.exit_status, Status.UNKNOWN)
    message = output.text or f"{program} said nothing"
    if heard.exit_status not in _STATUSES:
        message = f"{_ending(heard.exit_status)}: {message}"
    return Outcome(status, "; ".join([message, *_asides(output, heard, status)]), seconds, output.metrics)


def _ending(exit_status: int) -> str:
    if exit_status >= 0:
        return f"ended with exit status {exit_status}, which is none of 0, 1, 2 and 3"
    try:
        name = signal.Signals(-exit_status).name
    except ValueError:
        name = str(-exit_status)
    return f"was ended by the signal {name}"


def _asides(output: PluginOutput, heard: _Heard, status: Status) -> list[str]:
    """What else a person wants to know: the long text of a bad result, complaints of a mute one, unreadable numbers."""
    asides = []
    if status.is_bad and output.long_text:
        asides.append(_one_line(output.long_text))
    complaints = heard.complaints.decode("utf-8", "replace").strip()
    if complaints and not output.text:
        asides.append(_one_line(complaints))
    if output.rejected:
        example = output.rejected[0][:60]
        asides.append(f"{len(output.rejected)} of its numbers cannot be read, such as {example!r}")
    return asides


def _one_line(text: str) -> str:
    joined = " / ".join(line.strip() for line in text.splitlines() if line.strip())
    return joined if len(joined) <= _LONGEST_ASIDE else f"{joined[: _LONGEST_ASIDE - 1]}…"
