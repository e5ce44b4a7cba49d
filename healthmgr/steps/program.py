"""Runs one program to its end: never by a shell, within its time, its output bounded while it is read."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from healthmgr.domain.step import MOST_OUTPUT
from healthmgr.errors import StepError
from healthmgr.ports import StepContext

# All that a program inherits: the worker's other variables hold passwords.
_INHERITED = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR")
_GUARD = str(Path(__file__).with_name("guard.py"))
_LONGEST_GRACE = 3.0  # seconds between asking a program to end and killing it, taken from the end of its time
_TIME_FOR_LAST_WORDS = 0.5  # seconds that its output may stay open once it has ended: others may hold it
_TIME_FOR_GUARD = 2.0  # seconds beyond the deadline for the guard to say that it is over
_PIECE = 65_536
_GAP = 64  # characters for saying that something was left out


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended. `exit_status` is negative for a signal; `is_timeout`: it was ended at its deadline."""

    exit_status: int
    output: str
    is_timeout: bool


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: a program by its path with its arguments, in which surroundings, and with which open files."""

    arguments: Sequence[str]
    environment: Mapping[str, str]
    directory: str = "/"
    files: tuple[int, ...] = ()


def cleaned_environment(own: Mapping[str, str]) -> dict[str, str]:
    """What a program inherits of the worker's environment, and what its definition gives it."""
    return {name: os.environ[name] for name in _INHERITED if name in os.environ} | dict(own)


def told_of(context: StepContext) -> dict[str, str]:
    """What a program may want to know of its step; by the key it knows whether it has done this before."""
    return {
        "HEALTHMGR_RUN_ID": str(context.run_id),
        "HEALTHMGR_STEP": context.step,
        "HEALTHMGR_CHECK": context.check,
        "HEALTHMGR_KEY": context.key,
    }


def run_program(program: Program, timeout: timedelta) -> Ended:
    """From start to end.

    At the end of its time its whole group is gone, also where this process is killed meanwhile. What a program that
    ended by itself has left running goes on. Raises StepError when it could not be started.
    """
    seconds = timeout.total_seconds()
    grace = min(_LONGEST_GRACE, seconds / 5)
    leash, held = socket.socketpair()
    with leash:
        with held:
            guard = _start(program, held, grace)
        try:
            return _Watch(program, leash, guard).follow(seconds - grace, seconds)
        finally:
            leash.close()
            if guard.stdout is not None:
                guard.stdout.close()
            _see_out(guard, grace + _TIME_FOR_GUARD)


def _start(program: Program, held: socket.socket, grace: float) -> subprocess.Popen[bytes]:
    files = " ".join(map(str, program.files))
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", _GUARD, str(grace), files, *program.arguments],
            stdin=held.fileno(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(program.environment),
            cwd=program.directory,
            start_new_session=True,
            pass_fds=program.files,
        )
    except (OSError, ValueError) as error:
        is_folder = getattr(error, "filename", None) == program.directory
        what = f"the folder {program.directory}" if is_folder else program.arguments[0]
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise StepError(f"{what} cannot be used on this worker: {reason}", permanent=True) from error


def _see_out(guard: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        guard.wait(seconds)
    except subprocess.TimeoutExpired:
        guard.kill()
        guard.wait()


class _Watch:
    """Reads what a program says and what its guard reports, each as it comes."""

    def __init__(self, program: Program, leash: socket.socket, guard: subprocess.Popen[bytes]) -> None:
        self._name = program.arguments[0]
        self._leash = leash
        self._output = guard.stdout
        self._kept = _Kept(MOST_OUTPUT - _GAP)
        self._said = b""
        self._facts: dict[str, Any] = {}
        self._is_silent = False

    def follow(self, asked_after: float, killed_after: float) -> Ended:
        """Until it has ended, or its time is up."""
        started = time.monotonic()
        with selectors.DefaultSelector() as selector:
            selector.register(self._leash, selectors.EVENT_READ)
            if self._output is not None:
                selector.register(self._output, selectors.EVENT_READ)
            is_over = self._read(selector, started + asked_after)
            if not is_over:
                self._leash.shutdown(socket.SHUT_WR)
                is_over = self._read(selector, started + killed_after + _TIME_FOR_GUARD)
            if not self._is_silent:
                self._read(selector, time.monotonic() + _TIME_FOR_LAST_WORDS, is_rest=True)
        if not is_over:
            self._kill()
        return self._ended(is_over)

    def _ended(self, is_over: bool) -> Ended:
        if "cannot" in self._facts:
            raise StepError(f"{self._name} cannot be started on this worker: {self._facts['cannot']}", permanent=True)
        if is_over and "exit_status" not in self._facts:
            self._kill()
            raise StepError(
                f"{self._name}: its guard ended, so what it did is unknown", is_timeout=True, output=self._kept.text()
            )
        status = int(self._facts.get("exit_status", -signal.SIGKILL))
        return Ended(status, self._kept.text(), not is_over or bool(self._facts.get("was_ended")))

    def _read(self, selector: selectors.BaseSelector, until: float, *, is_rest: bool = False) -> bool:
        """Whether the guard had its last word (of the rest: whether the output has its end) before that time."""
        while (left := until - time.monotonic()) > 0:
            for key, _ in selector.select(left):
                is_leash = key.fileobj is self._leash
                piece = self._leash.recv(_PIECE) if is_leash else os.read(key.fd, _PIECE)
                if piece:
                    self._note(piece, is_leash)
                    continue
                selector.unregister(key.fileobj)
                if not is_leash:
                    self._is_silent = True
                if is_leash != is_rest:
                    return True
        return False

    def _note(self, piece: bytes, is_leash: bool) -> None:
        if not is_leash:
            self._kept.add(piece)
            return
        *lines, self._said = (self._said + piece).split(b"\n")
        for each in lines:
            self._facts |= json.loads(each)

    def _kill(self) -> None:
        """The guard is gone or stuck: its work is done here."""
        if "pid" in self._facts:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(int(self._facts["pid"]), signal.SIGKILL)


class _Kept:
    """The beginning and the end of what is said, however long that is: errors tend to stand last."""

    def __init__(self, most: int) -> None:
        self._half = most // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0

    def add(self, piece: bytes) -> None:
        """One more piece; what is beyond the room in the middle is dropped."""
        room = self._half - len(self._head)
        self._head += piece[:room]
        self._tail += piece[max(room, 0) :]
        excess = len(self._tail) - self._half
        if excess > 0:
            del self._tail[:excess]
            self._dropped += excess

    def text(self) -> str:
        """What was kept, the gap marked."""
        return "".join(self._parts())

    def _parts(self) -> Iterator[str]:
        yield bytes(self._head if self._dropped else self._head + self._tail).decode("utf-8", "replace")
        if self._dropped:
            yield f"\n[{self._dropped} bytes left out]\n"
            yield self._tail.decode("utf-8", "replace")
