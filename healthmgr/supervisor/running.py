"""One child of the supervisor: its process, its output and its next start."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from healthmgr.supervisor.child import Child, launch
from healthmgr.supervisor.console import Console

FIRST_DELAY = 1.0
LONGEST_DELAY = 30.0
STEADY_AFTER = 60.0  # seconds up after which earlier deaths are forgotten
_LONGEST_LINE = 65536


@dataclass(slots=True)
class Running:
    """A child that runs, or that waits for `restart_at` (monotonic seconds) to run again."""

    child: Child
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    restart_at: float | None = None
    _delay: float = FIRST_DELAY
    _output: int | None = None
    _pending: bytearray = field(default_factory=bytearray)

    def launch(self, selector: selectors.BaseSelector) -> int:
        """Start the process and listen to it; its pid. Raises what `before_start` raises, or OSError."""
        self.restart_at, self.started_at = None, time.monotonic()
        if self.child.before_start is not None:
            self.child.before_start()
        reader, writer = os.pipe()
        try:
            self.process = launch(self.child, writer)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        os.set_blocking(reader, False)
        self._output = reader
        selector.register(reader, selectors.EVENT_READ, self)
        return self.process.pid

    def plan_restart(self) -> float:
        """Decide when to start again; the seconds until then double with every death that comes soon."""
        now = time.monotonic()
        if now - self.started_at >= STEADY_AFTER:
            self._delay = FIRST_DELAY
        delay = self._delay
        self.restart_at, self.process = now + delay, None
        self._delay = min(delay * 2, LONGEST_DELAY)
        return delay

    def has_ended(self) -> bool:
        """Whether the process has come to its end."""
        return self.process is not None and self.process.poll() is not None

    def ask_to_stop(self) -> None:
        """Send the stop signal to the child itself, which knows how to end its own children without losing work."""
        if self.process is not None and not self.has_ended():
            self.process.send_signal(self.child.stop_signal)

    def kill(self) -> None:
        """SIGKILL whatever is left of the child and its process group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def read(self, selector: selectors.BaseSelector, console: Console) -> bool:
        """Show what the child has said; False when there is nothing more for now."""
        if self._output is None:
            return False
        try:
            chunk = os.read(self._output, 65536)
        except BlockingIOError:
            return False
        self._pending += chunk
        for line in _complete_lines(self._pending):
            console.child(self.child.name, line)
        if not chunk:
            self.close_output(selector, console)
        return bool(chunk)

    def drain(self, selector: selectors.BaseSelector, console: Console) -> None:
        """Show the last words of a child that has ended."""
        while self.read(selector, console):
            pass
        self.close_output(selector, console)

    def close_output(self, selector: selectors.BaseSelector, console: Console) -> None:
        """Stop listening, showing an unfinished last line."""
        if self._output is not None:
            selector.unregister(self._output)
            os.close(self._output)
            self._output = None
        if self._pending:
            console.child(self.child.name, self._pending.decode(errors="replace"))
            self._pending.clear()


def _complete_lines(pending: bytearray) -> Iterator[str]:
    while (end := pending.find(b"\n")) >= 0 or len(pending) > _LONGEST_LINE:
        end = end if end >= 0 else _LONGEST_LINE
        yield pending[:end].decode(errors="replace").rstrip("\r")
        del pending[: end + 1]


def describe_exit(status: int) -> str:
    """How a process ended, from its return code: "with status 1" or "by SIGKILL"."""
    if status >= 0:
        return f"with status {status}"
    try:
        return f"by {signal.Signals(-status).name}"
    except ValueError:
        return f"by signal {-status}"
