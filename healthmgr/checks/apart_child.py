"""The process from which those are forked that `apart` waits for.

`python -m healthmgr.checks.apart_child MODULE FUNCTION CONFIG BYTES` takes connections over its standard input, a
socket, until that is closed. Each carries one order as JSON and its answer.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import psutil
from pydantic import BaseModel

from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError

_SLACK = 0.3  # seconds after the deadline: whoever waits has said by then that it is over
_LONGEST_READ = 10.0  # seconds for an order to arrive


@dataclass(frozen=True, slots=True)
class _Task:
    """What is called, with what, and how many bytes it may use."""

    look: Callable[[Any, timedelta, datetime], Outcome]
    config: type[BaseModel]
    most_memory: int


def _main(module: str, look: str, config: str, most_memory: str) -> None:
    found = importlib.import_module(module)
    task = _Task(getattr(found, look), getattr(found, config), int(most_memory))
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    gc.freeze()  # pages that are looked at are copied
    with socket.socket(fileno=0) as control:
        while True:
            said, handed, _, _ = socket.recv_fds(control, 1, 1)
            if not said:
                return
            for number in handed:
                _fork(task, number)


def _fork(task: _Task, number: int) -> None:
    try:
        if os.fork() == 0:
            _live(task, number)
    except OSError as error:  # whoever waits is told by the end of the connection
        sys.stderr.write(f"no process to probe in: {error}\n")
    finally:
        os.close(number)


def _live(task: _Task, number: int) -> None:
    """One probe from beginning to end, in the forked process."""
    try:
        os.close(0)
        with socket.socket(fileno=os.dup(number)) as connection:
            signal.setitimer(signal.ITIMER_REAL, _LONGEST_READ)  # its signal ends a process wherever it is
            with connection.makefile("rb") as told:
                order = json.load(told)
            signal.setitimer(signal.ITIMER_REAL, order["seconds"] + _SLACK)
            _end_with(connection)
            _bound(task.most_memory)
            answer = json.dumps(_carry_out(task, order)).encode()
            with contextlib.suppress(ConnectionError):
                connection.sendall(answer)
    finally:
        os._exit(0)


def _end_with(connection: socket.socket) -> None:
    """When the other end is closed, SIGIO ends this process."""
    fcntl.fcntl(connection, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(connection, fcntl.F_SETFL, fcntl.fcntl(connection, fcntl.F_GETFL) | os.O_ASYNC)


def _bound(most_memory: int) -> None:
    most = psutil.Process().memory_info().vms + most_memory
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _carry_out(task: _Task, order: dict[str, Any]) -> dict[str, Any]:
    started = time.perf_counter()
    try:
        config = task.config.model_validate(order["config"])
        outcome = task.look(config, timedelta(seconds=order["seconds"]), datetime.fromisoformat(order["now"]))
    except ProbeError as error:
        return {"could_not_tell": str(error)}
    except Exception as error:
        return {"could_not_tell": f"{type(error).__name__}: {error}"[:1000]}
    answer = asdict(outcome)
    if outcome.response_time is None:
        answer["response_time"] = time.perf_counter() - started
    return answer


if __name__ == "__main__":
    _main(*sys.argv[1:])
