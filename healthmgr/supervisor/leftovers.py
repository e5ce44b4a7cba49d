"""What a killed supervisor leaves behind: pid files, the processes they name, and a lock that tells it is gone."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from healthmgr.errors import Conflict

MARK = "HEALTHMGR_SUPERVISED_IN"
_SAME_START = 2.0  # seconds: the boot time that start times are counted from moves when the clock is set


class FolderLock:
    """A lock file held for the life of this process: the kernel lets go of it when the process dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock; holding it already is fine. Raises Conflict naming the process that holds it."""
        if self._file is not None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        opened = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(opened, 32).decode().strip()
            os.close(opened)
            raise Conflict(
                f"{self._path.parent} is in use by process {holder or 'unknown'}: stop that one first, "
                "or choose another data folder with HEALTHMGR_DATA"
            ) from None
        os.ftruncate(opened, 0)
        os.write(opened, str(os.getpid()).encode())
        self._file = opened

    def release(self) -> None:
        """Let go of the lock, if it is held."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


@dataclass(frozen=True, slots=True)
class _Record:
    pid: int
    started: float
    stop_signal: int


class PidFiles:
    """A file for each running child, so that the next start finds what a killed supervisor left running."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def mark(self) -> dict[str, str]:
        """The variable by which a child's own children are recognised when its pid file no longer helps."""
        return {MARK: str(self._folder.resolve())}

    def write(self, name: str, pid: int, stop_signal: int) -> None:
        """Remember a child that has just been started."""
        try:
            started = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            return
        self._folder.mkdir(parents=True, exist_ok=True)
        self._path(name).write_text(json.dumps(asdict(_Record(pid, started, int(stop_signal)))), encoding="utf-8")

    def remove(self, name: str) -> None:
        """Forget a child that has ended."""
        self._path(name).unlink(missing_ok=True)

    def stop_leftovers(self, grace: float = 15.0) -> list[str]:
        """End whatever runs from an earlier time, by its own stop signal, by SIGKILL after `grace` seconds.

        Returns the names of what was found. Call it only while holding the folder's lock.
        """
        found = dict(self._recorded())
        for process, stop_signal in found.values():
            _send(process, stop_signal)
        _wait_or_kill([process for process, _ in found.values()], grace)
        strays = list(self._strays())
        for process in strays:
            _send(process, signal.SIGTERM)
        _wait_or_kill(strays, grace)
        for path in self._folder.glob("*.json"):
            path.unlink()
        return [*found, *(f"process {process.pid}" for process in strays)]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    def _recorded(self) -> Iterator[tuple[str, tuple[psutil.Process, int]]]:
        for path in sorted(self._folder.glob("*.json")):
            try:
                record = _Record(**json.loads(path.read_text(encoding="utf-8")))
                process = psutil.Process(record.pid)
                if _is_running(process) and abs(process.create_time() - record.started) < _SAME_START:
                    yield path.stem, (process, record.stop_signal)
            except (ValueError, TypeError, psutil.NoSuchProcess):
                continue  # cut short by a crash, or of a process that is gone: nothing is left of it

    def _strays(self) -> Iterator[psutil.Process]:
        mine = {process.pid for process in (psutil.Process(), *psutil.Process().parents())}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid not in mine and process.environ().get(MARK) == self.mark[MARK]:
                    yield process


def _send(process: psutil.Process, stop_signal: int) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(stop_signal)


def _wait_or_kill(processes: Iterable[psutil.Process], grace: float) -> None:
    alive = wait_until_gone(processes, grace)
    for process in alive:
        _send(process, signal.SIGKILL)
    wait_until_gone(alive, 5)


def wait_until_gone(processes: Iterable[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for processes that are not our children; returns those that still run after so many seconds."""
    deadline = time.monotonic() + seconds
    alive = [process for process in processes if _is_running(process)]
    while alive and time.monotonic() < deadline:
        time.sleep(0.02)
        alive = [process for process in alive if _is_running(process)]
    return alive


def _is_running(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended and waits for a parent to ask does not, however long it waits."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
