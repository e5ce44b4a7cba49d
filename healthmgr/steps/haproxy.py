"""HAProxy's stats socket: one command for each connection, and its answer until it hangs up."""

from __future__ import annotations

import csv
import io
import socket
import time
from dataclasses import dataclass

from healthmgr.channels.deadline import Deadline
from healthmgr.domain.step import Done
from healthmgr.errors import StepError
from healthmgr.steps.output import line

_MOST_READ = 1 << 20  # bytes of an answer
_LOOK_AGAIN_AFTER = 0.2  # seconds; nothing tells when a session ends


@dataclass(frozen=True, slots=True)
class Haproxy:
    """A server of a backend, and the socket over which it is changed: a path, or host:port."""

    socket: str
    backend: str
    server: str

    @property
    def name(self) -> str:
        """As HAProxy has it."""
        return f"{self.backend}/{self.server}"


def set_state(target: Haproxy, *, is_drained: bool, waits: bool, deadline: Deadline) -> Done:
    """Drain it or have it ready; of a drained one, wait until its last session is over.

    Raises StepError: permanent where HAProxy says no, a timeout where sessions are left at the deadline.
    """
    state = "drain" if is_drained else "ready"
    answer = _ask(target, f"set server {target.name} state {state}", deadline).strip()
    if answer:
        raise StepError(f"HAProxy refused to set {target.name} to {state}: {line(answer)}", permanent=True)
    sessions = _sessions(target, deadline)
    while is_drained and waits and sessions:
        time.sleep(_LOOK_AGAIN_AFTER)
        if deadline.is_over:
            raise StepError(f"{target.name} is drained, but has {sessions} sessions left", is_timeout=True)
        sessions = _sessions(target, deadline)
    return Done(f"{target.name} is set to {state}, sessions: {sessions}", facts={"state": state, "sessions": sessions})


def _sessions(target: Haproxy, deadline: Deadline) -> int:
    """Sessions that it has, and requests that wait for it."""
    rows = csv.DictReader(io.StringIO(_ask(target, "show stat", deadline).removeprefix("# ")))
    for row in rows:
        if row.get("pxname") == target.backend and row.get("svname") == target.server:
            return int(row["scur"] or 0) + int(row["qcur"] or 0)
    raise StepError(f"HAProxy has no server {target.name}", permanent=True)


def _ask(target: Haproxy, command: str, deadline: Deadline) -> str:
    """Raises StepError where nobody answers in time."""
    said = bytearray()
    with _socket(target.socket) as connection:
        try:
            connection.settimeout(deadline.remaining())
            connection.connect(_address(target.socket))
            with deadline.enforced(lambda: [connection]):
                connection.sendall(command.encode() + b"\n")
                while len(said) < _MOST_READ and (piece := connection.recv(65_536)):
                    said += piece
        except TimeoutError:
            raise StepError(f"HAProxy at {target.socket} does not answer", is_timeout=True) from None
        except OSError as error:
            raise StepError(f"HAProxy at {target.socket}: {error.strerror or error}") from None
    if deadline.is_over:
        raise StepError(f"HAProxy at {target.socket} does not answer", is_timeout=True)
    return said.decode("utf-8", "replace")


def _socket(place: str) -> socket.socket:
    return socket.socket(socket.AF_UNIX if "/" in place else socket.AF_INET)


def _address(place: str) -> str | tuple[str, int]:
    if "/" in place:
        return place
    host, _, port = place.rpartition(":")
    if not port.isdecimal():
        raise StepError(f"{place} is no socket: write a path, or host:port", permanent=True)
    return host or "127.0.0.1", int(port)
