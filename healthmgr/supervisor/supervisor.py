"""The loop that keeps children running: one thread, woken by output, by a child's end, by a signal or by a due time."""

from __future__ import annotations

import contextlib
import selectors
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import groupby
from types import FrameType

from healthmgr.errors import HealthmgrError
from healthmgr.supervisor.child import Child
from healthmgr.supervisor.console import Console
from healthmgr.supervisor.leftovers import PidFiles
from healthmgr.supervisor.running import Running, describe_exit

_LIVENESS_EVERY = 1.0
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_CANNOT_RUN = 127


class Supervisor:
    """Starts children, prefixes their lines, starts again what ends, and stops all in order.

    Use it as a context manager in the main thread: inside, SIGINT, SIGTERM and SIGHUP ask for the end instead of
    ending this process, and leaving stops every child, however it is left.
    """

    def __init__(self, pid_files: PidFiles, console: Console) -> None:
        self._pids = pid_files
        self._console = console
        self._children: dict[str, Running] = {}
        self._selector = selectors.DefaultSelector()
        self._is_asked_to_stop = False
        self._interrupts = 0
        self._next_liveness = 0.0
        self._old_handlers: dict[int, object] = {}

    @property
    def should_stop(self) -> bool:
        """Somebody asked for the end, or nobody listens any more."""
        return self._is_asked_to_stop or self._console.is_gone

    def __enter__(self) -> Supervisor:
        self._receiver, self._waker = socket.socketpair()
        self._receiver.setblocking(False)
        self._waker.setblocking(False)
        self._selector.register(self._receiver, selectors.EVENT_READ)
        self._old_wakeup = signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
        for number in _STOP_SIGNALS:
            self._old_handlers[number] = signal.signal(number, self._on_stop_signal)
        self._old_handlers[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, _wake_only)
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.stop()
        finally:
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            signal.set_wakeup_fd(self._old_wakeup)
            self._selector.close()
            self._receiver.close()
            self._waker.close()

    def start(self, child: Child) -> None:
        """Start a child and keep it running from now on."""
        self._console.introduce(child.name)
        self._children[child.name] = running = self._marked(child)
        self._launch(running)

    def run_once(self, child: Child) -> int:
        """Run a child to its end, serving the others meanwhile; its exit status, negative for a signal."""
        running = self._marked(child)
        try:
            self._pids.write(child.name, running.launch(self._selector), child.stop_signal)
        except OSError as error:
            self._console.warn(f"{child.name} cannot be started: {error}")
            return _CANNOT_RUN
        if not self.run(running.has_ended):
            self._end([running])
        self._bury(running)
        return int(running.process.returncode) if running.process else _CANNOT_RUN

    def run(self, until: Callable[[], bool] = lambda: False, seconds: float | None = None, every: float = 0.1) -> bool:
        """Serve the children until `until` holds (asked `every` so many seconds), time is up or an end is asked for.

        Returns whether `until` held.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while not self.should_stop:
            if until():
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False
            self._turn(every)
        return False

    def stop(self) -> None:
        """Stop all children, the highest tier first; a second Ctrl-C kills what is left at once."""
        self._is_asked_to_stop = True
        seen = self._interrupts
        present = sorted(self._children.values(), key=lambda running: -running.child.tier)
        for running in present:
            running.restart_at = None
        for _, tier in groupby(present, key=lambda running: running.child.tier):
            self._end(list(tier), lambda: self._interrupts > seen)
        self._children.clear()

    def _on_stop_signal(self, number: int, _frame: FrameType | None) -> None:
        self._is_asked_to_stop = True
        self._interrupts += number == signal.SIGINT

    def _marked(self, child: Child) -> Running:
        return Running(replace(child, env={**child.env, **self._pids.mark}))

    def _turn(self, longest: float) -> None:
        self._listen(longest)
        now = time.monotonic()
        self._notice_ends(now)
        if self.should_stop:
            return
        if now >= self._next_liveness:
            self._next_liveness = now + _LIVENESS_EVERY
            self._check_liveness(now)
        for running in list(self._children.values()):
            if running.restart_at is not None and now >= running.restart_at:
                self._launch(running)

    def _listen(self, longest: float) -> None:
        for key, _ in self._selector.select(longest):
            if isinstance(key.data, Running):
                key.data.read(self._selector, self._console)
            else:
                with contextlib.suppress(BlockingIOError):
                    self._receiver.recv(4096)

    def _launch(self, running: Running) -> None:
        name = running.child.name
        try:
            pid = running.launch(self._selector)
        except (OSError, HealthmgrError) as error:
            delay = running.plan_restart()
            self._console.warn(f"{name} cannot be started: {error}; trying again in {delay:.0f} s")
        else:
            self._pids.write(name, pid, running.child.stop_signal)

    def _notice_ends(self, now: float) -> None:
        for running in self._children.values():
            if not running.has_ended() or running.process is None:
                continue
            self._bury(running)
            if self.should_stop:
                continue
            how, up_for = describe_exit(running.process.returncode), now - running.started_at
            delay = running.plan_restart()
            self._console.warn(
                f"{running.child.name} ended {how} after {up_for:.0f} s; starting it again in {delay:.0f} s"
            )

    def _check_liveness(self, now: float) -> None:
        for running in self._children.values():
            if running.child.liveness is None or running.process is None or running.has_ended():
                continue
            reason = running.child.liveness(now - running.started_at)
            if reason is not None:
                self._console.warn(f"{running.child.name} is killed: {reason}")
                running.kill()

    def _end(self, tier: list[Running], is_impatient: Callable[[], bool] = lambda: False) -> None:
        began = time.monotonic()
        waiting = [running for running in tier if running.process is not None]
        for running in waiting:
            running.ask_to_stop()
        while waiting:
            for running in [one for one in waiting if one.has_ended()]:
                waiting.remove(running)
                self._say_farewell(running, time.monotonic() - began)
            for running in waiting:
                if is_impatient() or time.monotonic() - began > running.child.grace:
                    running.kill()
            if waiting:
                self._listen(0.2)

    def _say_farewell(self, running: Running, seconds: float) -> None:
        self._bury(running)
        status = running.process.returncode if running.process else 0
        how = "" if status in (0, -running.child.stop_signal) else f", ended {describe_exit(status)}"
        self._console.say(f"stopped {running.child.name} ({seconds:.1f} s{how})")

    def _bury(self, running: Running) -> None:
        running.drain(self._selector, self._console)
        running.kill()  # what it may have left in its process group
        self._pids.remove(running.child.name)


def _wake_only(_number: int, _frame: FrameType | None) -> None:
    """Nothing: the signal's arrival at the wake-up socket is enough, the loop looks at its children itself."""
