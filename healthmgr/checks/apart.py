"""Probes that talk by way of a library which nobody can stop, carried out in processes that can be ended.

A server may answer such a library without end: a plain function would never leave its thread, and keep what it read.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import BaseModel

from healthmgr.domain.check import Status
from healthmgr.domain.quantity import format_duration
from healthmgr.domain.result import Outcome
from healthmgr.errors import ProbeError
from healthmgr.ports import ProbeContext

_PROGRAM: Final = "healthmgr.checks.apart_child"
_AT_ONCE = 64  # processes for one kind, in each process of ours
_MOST_SAID = 1 << 20  # bytes of an answer

Look = Callable[[Any, timedelta, datetime], Outcome]


class Apart:
    """Calls `look(config, timeout, now)`, a function of some module, in a process of its own for each call.

    `look` is given its configuration anew, and returns an Outcome or raises ProbeError. Its process ends with its
    deadline and with whoever waits for it; beyond `most_memory` bytes more than it began with, `look` meets a
    MemoryError. They are forked from one process that has loaded the module before, so that a call costs a few
    milliseconds; that one is started at the first call and ends with us.
    """

    def __init__(self, look: Look, config: type[BaseModel], most_memory: int) -> None:
        names = [look.__module__, look.__name__, config.__name__]
        self._arguments = [sys.executable, "-P", "-m", _PROGRAM, *names, str(most_memory)]
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
        self._end: weakref.finalize[..., Any] | None = None
        self._owner = 0
        self._under_way = 0

    async def look(self, config: BaseModel, context: ProbeContext) -> Outcome:
        """What `look` finds out. Raises ProbeError where it does, and when its process ends before its time."""
        if self._under_way >= _AT_ONCE:
            raise ProbeError(f"{self._under_way} probes of this kind are under way in this worker already")
        started, seconds = time.monotonic(), context.timeout.total_seconds()
        order = {
            "config": config.model_dump(),
            "seconds": seconds,
            "now": context.now.isoformat(),
        }
        self._under_way += 1
        try:
            said = await self._converse(json.dumps(order, default=_as_text).encode())
        finally:
            self._under_way -= 1
        if said:
            return _outcome(json.loads(said))
        if time.monotonic() - started >= seconds:
            return Outcome(Status.UNHEALTHY, f"timed out after {format_duration(context.timeout)}", seconds)
        raise ProbeError("the process that probed for it ended unexpectedly")

    async def _converse(self, order: bytes) -> bytes:
        """Its answer, "" when its process ended without one; the process ends when we leave."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with ours:
            ours.setblocking(False)
            with theirs:
                self._hand_over(theirs)
            said = bytearray()
            try:
                await loop.sock_sendall(ours, order)
                ours.shutdown(socket.SHUT_WR)
                while len(said) <= _MOST_SAID and (piece := await loop.sock_recv(ours, 65_536)):
                    said += piece
            except ConnectionError:
                return b""
            return bytes(said)

    def _hand_over(self, connection: socket.socket) -> None:
        """To the process that forks, which is started where there is none (any more)."""
        with self._lock:
            for control in (self._running(), None):
                try:
                    socket.send_fds(control or self._start(), [b"."], [connection.fileno()])
                except BlockingIOError as error:
                    raise ProbeError("the process that probes for it does not keep up") from error
                except OSError as error:
                    if control is None:
                        raise ProbeError("no process could be started to probe for it") from error
                else:
                    return

    def _running(self) -> socket.socket | None:
        return self._control if self._owner == os.getpid() else None  # one that forked us serves our parent

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        with theirs:
            process = subprocess.Popen(
                self._arguments, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, start_new_session=True
            )
        if self._end is not None:
            self._end()
        self._control, self._owner = ours, os.getpid()
        self._end = weakref.finalize(self, _end, ours, process)
        return ours


def _end(control: socket.socket, process: subprocess.Popen[bytes]) -> None:
    """A process that forks ends when the socket that controls it is closed."""
    control.close()
    process.wait(5)


def _as_text(value: Any) -> str:
    """What JSON has no word for, as a configuration may hold it."""
    return format_duration(value) if isinstance(value, timedelta) else str(value)


def _outcome(answer: dict[str, Any]) -> Outcome:
    if "could_not_tell" in answer:
        raise ProbeError(answer["could_not_tell"])
    return Outcome(**{**answer, "status": Status(answer["status"])})
