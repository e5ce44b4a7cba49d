"""The process that stands between a worker and a program: when the worker goes away, the program is ended as well.

`python -I -S guard.py GRACE FILES PROGRAM...` runs the program in a process group of its own, with the open FILES
besides the usual three. Its own standard input is the leash, a socket: over it the guard says how things stand, a line
of JSON each, and when the other end is closed the group is asked to end (SIGTERM), and killed after GRACE seconds. It
imports nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from typing import Any


def _main(grace: float, files: str, program: list[str]) -> None:
    woken = _wake_by_signals()
    with socket.socket(fileno=0) as leash:
        try:
            process = subprocess.Popen(
                program,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                pass_fds=[int(each) for each in files.split()],
            )
        except (OSError, ValueError) as error:
            _say(leash, cannot=getattr(error, "strerror", None) or str(error))
            return
        _close_output()
        _say(leash, pid=process.pid)
        was_ended = False
        while process.poll() is None and not was_ended:
            ready, _, _ = select.select([woken, leash.fileno()], [], [])
            was_ended = woken not in ready and process.poll() is None
            _hear(woken, ready)
        if was_ended:
            _end(process, woken, grace)
        _say(leash, exit_status=process.wait(), was_ended=was_ended)


def _wake_by_signals() -> int:
    """A file that can be read when a child has ended."""
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    for each in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(each, _leave_it_to_the_leash)
    return woken


def _hear(woken: int, ready: list[int]) -> None:
    if woken in ready:
        os.read(woken, 4096)


def _leave_it_to_the_leash(_number: int, _frame: object) -> None:
    """Whoever holds the leash decides when this ends. A handler, for what is ignored stays so in the program."""


def _close_output() -> None:
    """The program's output ends with the program, not with its guard."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _end(process: subprocess.Popen[bytes], woken: int, grace: float) -> None:
    until = time.monotonic() + grace
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    while process.poll() is None and (left := until - time.monotonic()) > 0:
        ready, _, _ = select.select([woken], [], [], left)
        _hear(woken, ready)
    while _is_there(process.pid) and time.monotonic() < until:
        time.sleep(0.02)  # nothing tells when the last of a group has gone
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _is_there(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _say(leash: socket.socket, **facts: Any) -> None:
    with contextlib.suppress(OSError):  # nobody holds the other end any more
        leash.sendall(json.dumps(facts).encode() + b"\n")


if __name__ == "__main__":
    _main(float(sys.argv[1]), sys.argv[2], sys.argv[3:])
