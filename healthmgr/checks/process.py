"""Process: programs that should run on the worker's machine, counted and measured."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import ClassVar

import psutil
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from healthmgr.domain.check import Status
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_SPAN = timedelta(milliseconds=200)  # over which processor use is measured
_LONGEST_PIDFILE = 64  # bytes
_GONE = (psutil.NoSuchProcess, psutil.ZombieProcess)


class ProcessConfig(BaseModel):
    """Which processes are meant, and how many there should be. Those are meant that fit everything given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = Field(None, min_length=1, description="The program's own name, such as nginx")
    cmdline: str | None = Field(
        None, min_length=1, description="Regular expression found in the command line, arguments joined by blanks"
    )
    pidfile: str | None = Field(None, min_length=1, description="File that holds the process's number")
    min_count: int = Field(1, ge=0, description="Fewest processes that must run")
    max_count: int | None = Field(None, ge=0, description="Most processes that may run")

    @field_validator("cmdline")
    @classmethod
    def _must_compile(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"this is not a regular expression: {error}") from None
        return value

    @model_validator(mode="after")
    def _must_be_findable(self) -> ProcessConfig:
        if self.name is None and self.cmdline is None and self.pidfile is None:
            raise ValueError("say which process is meant: give a name, a cmdline or a pidfile")
        if self.max_count is not None and self.max_count < self.min_count:
            raise ValueError(f"max_count {self.max_count} is below min_count {self.min_count}")
        return self


class ProcessCheck:
    """Looks for processes on the machine that the worker runs on."""

    kind: ClassVar[str] = "process"
    Config: ClassVar[type[BaseModel]] = ProcessConfig
    uses_network: ClassVar[bool] = False

    def probe(self, config: ProcessConfig, context: ProbeContext) -> Outcome:
        """Count and measure; too few or too many are unhealthy. Raises ProbeError for an unreadable pidfile."""
        started = time.perf_counter()
        if config.pidfile is None:
            found = _fitting(config, _all_processes())
        else:
            number = _number_in(Path(config.pidfile))
            if isinstance(number, str):
                return Outcome(Status.UNHEALTHY, number, metrics={"process_count": 0.0})
            found = _fitting(config, _process(number))
        response_time = time.perf_counter() - started  # without the span over which the processor is watched
        metrics = _measure(found, min(_SPAN, context.timeout / 4))
        return _judge(config, metrics, response_time)


def _number_in(pidfile: Path) -> int | str:
    """The number in a pidfile, or what is wrong with the file in words."""
    try:
        with pidfile.open("rb") as file:
            content = file.read(_LONGEST_PIDFILE)
    except FileNotFoundError:
        return f"there is no {pidfile}"
    except OSError as error:
        raise ProbeError(f"{pidfile} cannot be read on this worker: {error.strerror}") from error
    words = content.decode("ascii", "replace").split()
    if not words or not words[0].isdigit() or int(words[0]) <= 0:
        return f"{pidfile} holds no process number"
    return int(words[0])


def _all_processes() -> Iterator[psutil.Process]:
    """Afresh each time: psutil's own iterator keeps what it knew of a process whose number is taken again."""
    for number in psutil.pids():
        yield from _process(number)


def _process(number: int) -> Iterator[psutil.Process]:
    try:
        yield psutil.Process(number)
    except (*_GONE, psutil.AccessDenied, OverflowError):
        return


def _fitting(config: ProcessConfig, processes: Iterable[psutil.Process]) -> list[psutil.Process]:
    pattern = re.compile(config.cmdline) if config.cmdline is not None else None
    return [process for process in processes if _fits(process, config.name, pattern)]


def _fits(process: psutil.Process, name: str | None, pattern: re.Pattern[str] | None) -> bool:
    """A zombie has ended, so it fits nothing; one that may not be looked at fits nothing either."""
    try:
        return (
            (name is None or process.name() == name)
            and (pattern is None or pattern.search(" ".join(process.cmdline())) is not None)
            and process.status() != psutil.STATUS_ZOMBIE
        )
    except (*_GONE, psutil.AccessDenied):
        return False


def _measure(found: list[psutil.Process], span: timedelta) -> dict[str, float]:
    """Sums over all of them, and the age of the oldest; what may not be asked of any of them is left out."""
    metrics = {"process_count": float(len(found))}
    if not found:
        return metrics
    sums: dict[str, Callable[[psutil.Process], float]] = {
        "rss": lambda process: float(process.memory_info().rss),
        "open_files": lambda process: float(process.num_fds()),
        "threads": lambda process: float(process.num_threads()),
    }
    metrics.update({name: sum(values) for name, ask in sums.items() if (values := _ask(found, ask))})
    births = _ask(found, lambda process: process.create_time())
    if births:
        metrics["oldest_age"] = max(0.0, time.time() - min(births))
    used = _processor_use(found, span)
    if used is not None:
        metrics["cpu_usage"] = used
    return metrics


def _ask(found: list[psutil.Process], question: Callable[[psutil.Process], float]) -> list[float]:
    answers = []
    for process in found:
        try:
            answers.append(question(process))
        except (*_GONE, psutil.AccessDenied):
            continue
    return answers


def _processor_use(found: list[psutil.Process], span: timedelta) -> float | None:
    """Percent of one processor that all of them used together during the span."""
    before, started = _processor_times(found), time.monotonic()
    threading.Event().wait(span.total_seconds())
    after, elapsed = _processor_times(found), time.monotonic() - started
    shared = before.keys() & after.keys()
    if not shared or elapsed <= 0:
        return None
    return 100.0 * max(0.0, sum(after[pid] - before[pid] for pid in shared)) / elapsed


def _processor_times(found: list[psutil.Process]) -> dict[int, float]:
    times: dict[int, float] = {}
    for process in found:
        for spent in _ask([process], lambda one: float(sum(one.cpu_times()[:2]))):
            times[process.pid] = spent
    return times


def _judge(config: ProcessConfig, metrics: dict[str, float], response_time: float) -> Outcome:
    count, wanted = int(metrics["process_count"]), _description(config)
    runs = f"{count} {'process runs' if count == 1 else 'processes run'} ({wanted})"
    if count < config.min_count:
        return Outcome(Status.UNHEALTHY, f"{runs}, expected at least {config.min_count}", response_time, metrics)
    if config.max_count is not None and count > config.max_count:
        return Outcome(Status.UNHEALTHY, f"{runs}, expected at most {config.max_count}", response_time, metrics)
    return Outcome(Status.HEALTHY, runs, response_time, metrics)


def _description(config: ProcessConfig) -> str:
    parts = (("name", config.name), ("command line", config.cmdline), ("pidfile", config.pidfile))
    return ", ".join(f"{word} {value}" for word, value in parts if value is not None)
