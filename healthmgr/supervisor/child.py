"""What a child process is, as data, and how one is launched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

_ENTRY = Path(__file__).with_name("entry.py")


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the operating system that a child runs as."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Child:
    """A process to keep running.

    `env` is its whole environment. Lower tiers start first and stop last. `stop_signal` asks it to end, for which it
    may take `grace` seconds; `death_signal` is what Linux sends it when the supervisor is killed. `liveness` is asked
    every second with the seconds since its start and answers why the child must be killed and started again, or
    None; `before_start` runs in the supervisor before every start.
    """

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path | None = None
    tier: int = 1
    run_as: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL
    grace: float = 10.0
    liveness: Callable[[float], str | None] | None = None
    before_start: Callable[[], None] | None = None


def launch(child: Child, output: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own, its standard output and error going to `output`.

    Call it from the main thread: Linux ends the child when the *thread* that launched it ends. Raises OSError
    when the program cannot be run at all.
    """
    account = f"{child.run_as.uid}:{child.run_as.gid}" if child.run_as else "-"
    wrapped = [sys.executable, "-I", "-S", str(_ENTRY), str(os.getpid()), str(int(child.death_signal)), account]
    return subprocess.Popen(
        [*wrapped, *child.argv],
        env=dict(child.env),
        cwd=child.cwd,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
